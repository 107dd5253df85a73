"""Hierarchies of edges that enter the same node, divided jointly (HEP-NAS; Li et al., AAAI 2025).

Grouping by gradients is the released code's, one operation a part its figure's: docs/methods/hep-nas.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from nasbench_harness.errors import UsageError
from nasbench_harness.partitioners.base import Partitioner, Probe, partitioners
from nasbench_harness.partitioners.grouping import Group, asked, divide, grouping_by, groupings, operations_on
from nasbench_harness.space import EDGES, Subspace

HIERARCHIES = {node: tuple(edge for edge, (_, target) in enumerate(EDGES) if target == node) for node in (1, 2, 3)}
"""Edges by the node they enter: 1, 2 and 3 edges."""

Groups = Literal["gradient", "operations", "random", "worst"]


@partitioners.register("hierarchy")
@dataclass(frozen=True)
class Hierarchy(Partitioner):
    """Edges that enter one node, each divided in parts, one leaf for each combination of parts (HEP-NAS).

    ``hierarchy`` is the node, 1 to 3. ``groups`` "gradient", as released: each edge in two parts by gradient matching,
    so 2, 4, 8 leaves. "operations", as in the figure: a part an operation, 5, 25, 125 leaves. "random" and "worst" are
    controls of the first. ``repeats`` batches are averaged by gradient matching.
    """

    status: ClassVar[str] = "adaptation"
    source: ClassVar[str] = "Li, Zhang, Wang, Ma, HEP-NAS, AAAI 2025, arXiv 2412.10723"

    hierarchy: int = 2
    groups: Groups = "gradient"
    repeats: int = 20

    def __post_init__(self) -> None:
        """Refuse a node that no edge enters, and no batches at all."""
        if self.hierarchy not in HIERARCHIES:
            raise UsageError(f"hierarchy: hierarchy must be 1, 2 or 3, found {self.hierarchy}")
        if self.repeats < 1:
            raise UsageError(f"hierarchy: repeats must be at least 1, found {self.repeats}")

    @property
    def edges(self) -> tuple[int, ...]:
        """The edges that are divided."""
        return HIERARCHIES[self.hierarchy]

    @property
    def expected_children(self) -> int:
        """Leaves of the full space: 2, 4, 8 or 5, 25, 125."""
        return int((5 if self.groups == "operations" else 2) ** len(self.edges))

    @property
    def needs_probe(self) -> bool:
        """Where gradients decide."""
        return self.groups in ("gradient", "worst")

    def gradient_passes(self, subspace: Subspace) -> int:
        """A pass for each repeat and operation of the hierarchy's edges; none where gradients do not decide."""
        widths = [len(operations_on(subspace, edge)) for edge in self.edges]
        return self.repeats * sum(width for width in widths if width >= 2) if self.needs_probe else 0

    def split(self, subspace: Subspace, probe: Probe | None, rng: np.random.Generator) -> list[Subspace]:
        """The product of the parts; an edge with one operation has one part."""
        return divide(subspace, {edge: self._parts(subspace, edge, probe, rng) for edge in self.edges})

    def _parts(self, subspace: Subspace, edge: int, probe: Probe | None, rng: np.random.Generator) -> tuple[Group, ...]:
        operations = operations_on(subspace, edge)
        if self.groups == "operations" or len(operations) < 2:
            return tuple((op,) for op in operations)
        if self.groups == "random":
            possible = groupings(operations)
            return possible[rng.integers(len(possible))]
        distance_OO = asked(probe, "hierarchy").gradient_distances(subspace, edge, self.repeats, rng)
        return grouping_by(distance_OO, operations, "worst" if self.groups == "worst" else "best")
