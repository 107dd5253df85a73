"""Grouping the operations of an edge in two, and dividing a subspace along such groups. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Literal

import numpy as np

from nasbench_harness.errors import UsageError
from nasbench_harness.partitioners.base import Probe
from nasbench_harness.space import N_EDGES, N_OPERATIONS, OPERATIONS, Subspace

Group = tuple[int, ...]
Objective = Literal["best", "worst"]


def groupings(operations: Sequence[int]) -> list[tuple[Group, Group]]:
    """Every division of at least two operations into halves, sizes equal to within one; 10 of five operations."""
    ordered = sorted(operations)
    half = len(ordered) // 2
    found = []
    for first in combinations(ordered, half):
        second = tuple(op for op in ordered if op not in first)
        # of two halves of equal size each is the other's complement: the one with the first operation stands for both
        if len(first) < len(second) or ordered[0] in first:
            found.append((first, second))
    return found


def total_distance(distance_OO: np.ndarray, group: Sequence[int]) -> float:
    """Sum of the distances of all pairs within ``group``."""
    return float(sum(distance_OO[one, other] for one, other in combinations(group, 2)))


def cut_of(distance_OO: np.ndarray, groups: Sequence[Group]) -> float:
    """Total distance between operations of different groups: what the division stops from being shared."""
    everything = sorted(op for group in groups for op in group)
    return total_distance(distance_OO, everything) - sum(total_distance(distance_OO, group) for group in groups)


def grouping_by(
    distance_OO: np.ndarray, operations: Sequence[int], objective: Objective = "best"
) -> tuple[Group, Group]:
    """The halves with the smallest ("worst": the largest) total distance within; the first of equals."""
    sign = 1.0 if objective == "best" else -1.0
    return min(
        groupings(operations), key=lambda groups: sign * sum(total_distance(distance_OO, group) for group in groups)
    )


def operations_on(subspace: Subspace, edge: int) -> Group:
    """The operations that occur on ``edge``, ascending."""
    return tuple(int(op) for op in np.flatnonzero(subspace.used_EO[edge]))


def unsplit_edges(subspace: Subspace) -> list[int]:
    """Edges with the most operations, of those with at least two: in the full space and its children, the undivided."""
    width_E = subspace.used_EO.sum(1)
    return [edge for edge in range(N_EDGES) if width_E[edge] == width_E.max() >= 2]


def candidate_edges(subspace: Subspace, edge: int | None) -> list[int]:
    """The edge asked for if it can be divided, or all that are unsplit."""
    if edge is None:
        return unsplit_edges(subspace)
    return [edge] if len(operations_on(subspace, edge)) >= 2 else []


def check_edges(who: str, edges: Sequence[int]) -> None:
    """Refuse edges that the cell does not have, and repeated ones."""
    for edge in edges:
        if not 0 <= edge < N_EDGES:
            raise UsageError(f"{who}: edge must be 0 to {N_EDGES - 1}, found {edge}")
    if len(set(edges)) < len(edges):
        raise UsageError(f"{who}: edges must differ, found {list(edges)}")


def divide(subspace: Subspace, groups_of_edge: Mapping[int, Sequence[Group]]) -> list[Subspace]:
    """One child for each choice of a group on every edge named; ``subspace`` itself when none is; empty ones left out.

    The names tell the operations, as in ``edge 1 = none|skip_connect, edge 2 = nor_conv_1x1``.
    """
    return list(_children(subspace, groups_of_edge)) if groups_of_edge else [subspace]


def _children(subspace: Subspace, groups_of_edge: Mapping[int, Sequence[Group]]) -> Iterator[Subspace]:
    for choice in product(*groups_of_edge.values()):
        mask_EO = np.ones((N_EDGES, N_OPERATIONS), dtype=bool)
        for edge, group in zip(groups_of_edge, choice, strict=True):
            mask_EO[edge] = False
            mask_EO[edge, list(group)] = True
        name = ", ".join(
            f"edge {edge} = {'|'.join(OPERATIONS[op] for op in group)}"
            for edge, group in zip(groups_of_edge, choice, strict=True)
        )
        child = subspace.intersect(Subspace.box(mask_EO, name), name)
        if child.size:
            yield child


def asked(probe: Probe | None, who: str) -> Probe:
    """The probe, or a ``UsageError`` that says what to do without one."""
    if probe is None:
        raise UsageError(f"partitioner {who!r} asks a trained supernet; use it with tree-few-shot or hep-rank")
    return probe
