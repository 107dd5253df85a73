"""Few-shot NAS (Zhao et al., ICML 2021): split one edge exhaustively, one leaf an operation (methods 2 [A][C])."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nasbench_harness.errors import UsageError
from nasbench_harness.partitioners.base import Partitioner, Probe, partitioners
from nasbench_harness.space import EDGES, OPERATIONS, Subspace


@partitioners.register("single-edge")
@dataclass(frozen=True)
class SingleEdge(Partitioner):
    """One leaf for each operation on one edge (Few-shot NAS)."""

    edge: int = 0

    def __post_init__(self) -> None:
        """Refuse an edge that the cell does not have."""
        if not 0 <= self.edge < len(EDGES):
            raise UsageError(f"single-edge: edge must be 0 to {len(EDGES) - 1}, found {self.edge}")

    def split(self, subspace: Subspace, probe: Probe | None, rng: np.random.Generator) -> list[Subspace]:
        """At most five leaves; operations that the subspace lacks on the edge give none."""
        leaves = []
        for op, name in enumerate(OPERATIONS):
            mask_EO = np.ones((len(EDGES), len(OPERATIONS)), dtype=bool)
            mask_EO[self.edge] = False
            mask_EO[self.edge, op] = True
            leaf_name = f"edge {self.edge} = {name}"
            leaf = subspace.intersect(Subspace.box(mask_EO, leaf_name), leaf_name)
            if leaf.size:
                leaves.append(leaf)
        return leaves
