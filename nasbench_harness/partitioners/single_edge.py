"""Few-shot NAS (Zhao et al., ICML 2021), as in the released code: split one edge, one leaf an operation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from nasbench_harness.partitioners.base import Partitioner, Probe, partitioners
from nasbench_harness.partitioners.grouping import check_edges, divide, operations_on
from nasbench_harness.space import N_EDGES, Subspace


@partitioners.register("single-edge")
@dataclass(frozen=True)
class SingleEdge(Partitioner):
    """One leaf for each operation on one edge, or for each combination of operations on several (Few-shot NAS).

    ``edge`` "random" draws it. ``edges`` stands in its place when given: ``[0, 3]`` is depth 2 with 25 leaves.
    """

    status: ClassVar[str] = "reproduction"
    source: ClassVar[str] = "Zhao et al., Few-shot NAS, ICML 2021"

    edge: int | Literal["random"] = 0
    edges: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Refuse edges that the cell does not have."""
        check_edges("single-edge", self.edges or ([] if self.edge == "random" else [self.edge]))

    def split(self, subspace: Subspace, probe: Probe | None, rng: np.random.Generator) -> list[Subspace]:
        """At most ``5 ** depth`` leaves; operations that the subspace lacks on an edge give none."""
        edges = self.edges or (int(rng.integers(N_EDGES)) if self.edge == "random" else self.edge,)
        return divide(subspace, {edge: [(op,) for op in operations_on(subspace, edge)] for edge in edges})
