"""Gradient matching (GM-NAS; Hu, Wang et al., ICLR 2022), as in the released code.

Two operations on an edge should share weights only if they ask the shared weights to move in the same direction. The
operations of an edge are grouped 2 + 3 so that the gradients within the groups differ least; of all edges that are not
divided yet, the one whose grouping cuts the largest total distance is divided.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nasbench_harness.errors import UsageError
from nasbench_harness.partitioners.base import Partitioner, Probe, partitioners
from nasbench_harness.partitioners.grouping import (
    Objective,
    asked,
    candidate_edges,
    check_edges,
    cut_of,
    divide,
    grouping_by,
    operations_on,
)
from nasbench_harness.space import Subspace

RELEASED_REPEATS = 100
"""Batches a distance is averaged over in the released code."""


@dataclass(frozen=True)
class EdgeSplit:
    """The division of one edge: its groups and the distance they cut."""

    edge: int
    groups: tuple[tuple[int, ...], tuple[int, ...]]
    cut: float


def best_split(distances: dict[int, np.ndarray], subspace: Subspace, objective: Objective = "best") -> EdgeSplit:
    """The edge whose best grouping cuts most, the first of equals, grouped by ``objective``.

    ``distances`` holds ``[5, 5]`` by candidate edge. The worst grouping is that of the same edge, so that the control
    differs from the method in the grouping alone (our choice).
    """
    cuts = {
        edge: cut_of(distance_OO, grouping_by(distance_OO, operations_on(subspace, edge)))
        for edge, distance_OO in distances.items()
    }
    edge = max(cuts, key=lambda candidate: cuts[candidate])
    groups = grouping_by(distances[edge], operations_on(subspace, edge), objective)
    return EdgeSplit(edge, groups, cut_of(distances[edge], groups))


@partitioners.register("gradient-matching")
@dataclass(frozen=True)
class GradientMatching(Partitioner):
    """Two leaves: the edge and the 2 + 3 grouping of operations whose gradients differ most (GM-NAS).

    ``edge`` forces the edge. ``objective`` "worst" takes the worst grouping of the edge (control). ``repeats`` batches
    are averaged, 100 in the released code; fewer fit a small budget.
    """

    status: ClassVar[str] = "adaptation"
    source: ClassVar[str] = "Hu, Wang et al., GM-NAS, ICLR 2022"

    edge: int | None = None
    objective: Objective = "best"
    repeats: int = 20

    def __post_init__(self) -> None:
        """Refuse an edge that the cell does not have, and no batches at all."""
        check_edges("gradient-matching", [] if self.edge is None else [self.edge])
        if self.repeats < 1:
            raise UsageError(f"gradient-matching: repeats must be at least 1, found {self.repeats}")

    @property
    def needs_probe(self) -> bool:
        """Always."""
        return True

    def gradient_passes(self, subspace: Subspace) -> int:
        """A pass for each repeat and operation of the candidate edges."""
        return self.repeats * sum(len(operations_on(subspace, e)) for e in candidate_edges(subspace, self.edge))

    def split(self, subspace: Subspace, probe: Probe | None, rng: np.random.Generator) -> list[Subspace]:
        """Two leaves, or ``[subspace]`` when no edge has two operations left."""
        probe = asked(probe, "gradient-matching")
        candidates = candidate_edges(subspace, self.edge)
        if not candidates:
            return [subspace]
        distances = {edge: probe.gradient_distances(subspace, edge, self.repeats, rng) for edge in candidates}
        chosen = best_split(distances, subspace, self.objective)
        return divide(subspace, {chosen.edge: chosen.groups})
