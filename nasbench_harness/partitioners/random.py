"""Random partition: the control that any claim for a partition has to beat (our choice)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nasbench_harness.errors import UsageError
from nasbench_harness.partitioners.base import Partitioner, Probe, partitioners
from nasbench_harness.space import N_ARCHITECTURES, Subspace, live_cell_of


@partitioners.register("random")
@dataclass(frozen=True)
class RandomPartition(Partitioner):
    """Leaves of equal size drawn at random (control).

    Whole live cells are dealt out, because architectures with equal live edges share every weight and score: dealing
    single architectures would train the same network in several leaves. Sizes are equal in live cells to within one.
    """

    status: ClassVar[str] = "control"

    leaves: int = 5

    def __post_init__(self) -> None:
        """Refuse a number of leaves that is not a partition."""
        if self.leaves < 1:
            raise UsageError(f"random partition: leaves must be at least 1, found {self.leaves}")

    def split(self, subspace: Subspace, probe: Probe | None, rng: np.random.Generator) -> list[Subspace]:
        """``leaves`` predicates; raises ``UsageError`` when the subspace has fewer live cells."""
        cells = np.unique(live_cell_of()[subspace.members])
        if len(cells) < self.leaves:
            raise UsageError(f"{subspace.name!r} has {len(cells)} live cells, too few for {self.leaves} leaves")
        leaf_of_cell = np.full(N_ARCHITECTURES, -1)
        leaf_of_cell[rng.permutation(cells)] = np.arange(len(cells)) % self.leaves
        inside_A = subspace.contains(np.arange(N_ARCHITECTURES))
        leaf_A = np.where(inside_A, leaf_of_cell[live_cell_of()], -1)
        return [Subspace.where(leaf_A == leaf, f"random {leaf}") for leaf in range(self.leaves)]
