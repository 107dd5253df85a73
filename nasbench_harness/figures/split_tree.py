"""The tree of splits that the names of leaves tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nasbench_harness.figures.leaf_names import Condition


@dataclass(frozen=True)
class Split:
    """A node: the edge that it divides, and below each part another node or the row of a leaf."""

    edge: int
    children: tuple[Split | int, ...]

    @property
    def depth(self) -> int:
        """Levels of splits from here to the lowest leaf."""
        return 1 + max((child.depth for child in self.children if isinstance(child, Split)), default=0)


@dataclass(frozen=True)
class SplitTree:
    """``order``: leaves by number, as the rows from the first to the last in which no branches cross."""

    root: Split
    order: list[int]


def split_tree(leaves: Sequence[tuple[Condition, ...]]) -> SplitTree | None:
    """The tree of leaves' conditions, from the root; None where they tell no tree.

    They tell one where all leaves below a node divide the same edge next, and no leaf ends above another.
    """
    order: list[int] = []
    root = _grow(list(enumerate(leaves)), order)
    return SplitTree(root, order) if isinstance(root, Split) else None


def _grow(leaves: list[tuple[int, tuple[Condition, ...]]], order: list[int]) -> Split | int | None:
    if len(leaves) == 1 and not leaves[0][1]:
        order.append(leaves[0][0])
        return len(order) - 1
    if any(not conditions for _, conditions in leaves):
        return None
    edges = {conditions[0][0] for _, conditions in leaves}
    if len(edges) != 1:
        return None
    parts: dict[tuple[str, ...], list[tuple[int, tuple[Condition, ...]]]] = {}
    for number, conditions in leaves:
        parts.setdefault(conditions[0][1], []).append((number, conditions[1:]))
    children = [_grow(part, order) for part in parts.values()]
    known = tuple(child for child in children if child is not None)
    return Split(edges.pop(), known) if len(known) == len(children) else None
