"""A share of an experiment's units, for schedulers that start many like commands with a number each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from nasbench_harness.errors import UsageError

_Unit = TypeVar("_Unit")


@dataclass(frozen=True)
class Shard:
    """The ``number``-th of ``count`` shares, from 1."""

    number: int
    count: int

    def __post_init__(self) -> None:
        """Refuse a share that does not exist."""
        if not 1 <= self.number <= self.count:
            raise UsageError(f"--shard {self}: shards are numbered from 1 to {self.count}")

    @classmethod
    def parse(cls, text: str) -> Shard:
        """``I/N`` as a shard; ``UsageError`` for anything else."""
        found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
        if found is None:
            raise UsageError(f"--shard: I/N was expected, such as 1/8, found {text[:40]!r}")
        return cls(int(found[1]), int(found[2]))

    def of(self, units: Sequence[_Unit]) -> list[_Unit]:
        """Every ``count``-th of the units: shards are disjoint, and all of them together are the whole.

        Raises ``UsageError`` where there are more shards than units.
        """
        if self.count > len(units):
            raise UsageError(f"--shard {self}: there are {len(units)} units, take {len(units)} shards at most")
        return list(units[self.number - 1 :: self.count])

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"
