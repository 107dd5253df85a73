"""Stored plain values beside the same ones computed again, number by number."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

TOLERANCE = 1e-9
"""Relative and absolute: other versions of the numerical packages differ in the last digits."""

ABSENT: Final = object()
"""Stands for what was not computed again."""

_NOT_AGAIN = ("intervals", "interval_method")  # how many resamples there were is not a matter of the scores


@dataclass(frozen=True)
class Compared:
    """A stored value, its place in dotted names from the top, and what it is now or ``ABSENT``."""

    place: str
    stored: Any
    again: Any

    @property
    def agrees(self) -> bool:
        """Whether both are equal, numbers to nine digits."""
        if isinstance(self.stored, int | float) and isinstance(self.again, int | float):
            return math.isclose(self.stored, self.again, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
        return bool(self.stored == self.again)


def compared(stored: Any, again: Any, place: str = "") -> Iterator[Compared]:
    """Every value inside ``stored``, in its order; lists of another length as one, intervals left out.

    What only ``again`` has is an addition of a later version and is passed over.
    """
    if isinstance(stored, dict) and isinstance(again, dict):
        for name, value in stored.items():
            if name not in _NOT_AGAIN:
                yield from compared(value, again.get(name, ABSENT), f"{place}.{name}" if place else name)
    elif isinstance(stored, list | tuple) and isinstance(again, list | tuple) and len(stored) == len(again):
        for number, (one, other) in enumerate(zip(stored, again, strict=True)):
            yield from compared(one, other, f"{place}[{number}]")
    else:
        yield Compared(place, stored, again)
