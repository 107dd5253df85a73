"""Random edge, random groups: what gradient matching has to beat on the same tree (our choice)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nasbench_harness.partitioners.base import Partitioner, Probe, partitioners
from nasbench_harness.partitioners.grouping import candidate_edges, check_edges, divide, groupings, operations_on
from nasbench_harness.space import Subspace


@partitioners.register("random-edge")
@dataclass(frozen=True)
class RandomEdge(Partitioner):
    """Two leaves: a random unsplit edge, its operations grouped 2 + 3 at random (control).

    ``edge`` forces the edge and leaves the grouping to chance.
    """

    status: ClassVar[str] = "control"
    source: ClassVar[str] = "control for GM-NAS"

    edge: int | None = None

    def __post_init__(self) -> None:
        """Refuse an edge that the cell does not have."""
        check_edges("random-edge", [] if self.edge is None else [self.edge])

    def split(self, subspace: Subspace, probe: Probe | None, rng: np.random.Generator) -> list[Subspace]:
        """Two leaves, or ``[subspace]`` when no edge has two operations left."""
        candidates = candidate_edges(subspace, self.edge)
        if not candidates:
            return [subspace]
        edge = int(rng.choice(candidates))
        possible = groupings(operations_on(subspace, edge))
        return divide(subspace, {edge: possible[rng.integers(len(possible))]})
