"""Names of leaves, read: the conditions on edges that made them, and short forms that fit beside a bar."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nasbench_harness.space import OPERATIONS

Condition = tuple[int, tuple[str, ...]]
"""An edge, and the operations that are allowed on it."""

EDGES = ("0→1", "0→2", "1→2", "0→3", "1→3", "2→3")
"""Edges of the cell by number, as figures call them."""
LETTERS = dict(zip(OPERATIONS, "ns13p", strict=True))
"""Operations in short: none, skip connection, convolutions of 1 and 3 pixels, pooling."""
LETTERS_WORDS = "Operations: n none, s skip connection, 1 and 3 convolutions of 1\u00d71 and 3\u00d73, p pooling."

_LONGEST = 24
_CONDITION = re.compile(r"edge (\d) = ([\w|]+)")


def conditions_of(name: str) -> tuple[Condition, ...] | None:
    """The conditions that a name lists, from the root of the tree to the leaf; None for names of another kind."""
    found = []
    for part in re.split(r" > |, ", name):
        match = _CONDITION.fullmatch(part)
        operations = tuple(match[2].split("|")) if match else ()
        if match is None or int(match[1]) >= len(EDGES) or not set(operations) <= set(OPERATIONS):
            return None
        found.append((int(match[1]), operations))
    return tuple(found)


def short(name: str) -> str:
    """``0→1: n1, 0→3: s3p`` for a name that lists conditions, any other as it is, cut where it is too long."""
    conditions = conditions_of(name)
    if conditions is None:
        return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
    return ", ".join(f"{EDGES[edge]}: {letters(operations)}" for edge, operations in conditions)


def letters(operations: Sequence[str]) -> str:
    """Operations by their letters."""
    return "".join(LETTERS[name] for name in operations)
