"""Kinds of pickles: the names that each may use, in what instructions it is written, and how much it may hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nasbench_harness.system.pickles.instructions import RARE, TEXTUAL, Instructions
from nasbench_harness.system.pickles.values import (
    Admitted,
    RefusedError,
    encode_latin1,
    new_array,
    new_mapping,
    new_number_type,
    new_set,
    no_bytes,
    not_called,
    scalar,
)

Names = Mapping[tuple[str, str], Admitted]

_CORES = ("numpy.core.multiarray", "numpy._core.multiarray")

BYTES: Names = {
    ("_codecs", "encode"): Admitted(encode_latin1),
    ("builtins", "bytes"): Admitted(no_bytes),
    ("__builtin__", "bytes"): Admitted(no_bytes),
}
"""How early protocols spell bytes."""

PLAIN: Names = {
    ("collections", "OrderedDict"): Admitted(new_mapping),
    ("builtins", "set"): Admitted(new_set),
    ("__builtin__", "set"): Admitted(new_set),
    **BYTES,
}
"""Containers and bytes."""

SCALARS: Names = {
    ("numpy", "dtype"): Admitted(new_number_type),
    **{(core, "scalar"): Admitted(scalar) for core in _CORES},
}
"""Single NumPy numbers."""

ARRAYS: Names = {
    **{(core, "_reconstruct"): Admitted(new_array) for core in _CORES},
    ("numpy", "ndarray"): Admitted(not_called),
    ("numpy", "dtype"): Admitted(new_number_type),
    **BYTES,
}
"""NumPy arrays of plain numbers."""

ARRAYS_AND_SCALARS: Names = {**ARRAYS, **SCALARS}
"""Both."""


@dataclass(frozen=True)
class Kind:
    """What pickles of one kind may hold.

    ``noun``: says in messages what such a file is; empty where the caller says it. ``names``: what it may ask for;
    ``more``: takes module and name of others, and gives what stands behind them or None. ``instructions``: the rarer
    ones that it is written in. ``encoding``: of texts that Python 2 wrote; ``bytes`` leaves them as they are. The rest
    are bounds, each for the whole pickle or from one value that is handed over to the next: ``longest``, bytes of long
    texts and arrays together; ``bytes_``, of all else; ``objects``, so many of them; ``depth``, of tuples in tuples.
    """

    noun: str
    names: Names
    more: Callable[[str, str], Admitted | None] = lambda module, name: None
    instructions: Instructions = field(default_factory=lambda: {**RARE, **TEXTUAL})
    encoding: str = "ASCII"
    longest: int = 1 << 20
    bytes_: int = 1 << 24
    objects: int = 1 << 21
    depth: int = 8

    def admitted(self, module: Any, name: Any) -> Admitted:
        """What stands behind a name; ``RefusedError`` naming it where files of this kind do not need it."""
        found = self.names.get((module, name)) or self.more(module, name)
        if found is None:
            needs = f", which no {self.noun} needs" if self.noun else ""
            raise RefusedError(f"it asks for {str(module)[:80]}.{str(name)[:80]}{needs}")
        return found
