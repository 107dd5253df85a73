"""No partition: the control that few-shot training with one leaf must equal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nasbench_harness.partitioners.base import Partitioner, Probe, partitioners
from nasbench_harness.space import Subspace


@partitioners.register("none")
@dataclass(frozen=True)
class NoPartition(Partitioner):
    """The whole subspace as one leaf (control)."""

    def split(self, subspace: Subspace, probe: Probe | None, rng: np.random.Generator) -> list[Subspace]:
        """``[subspace]``."""
        return [subspace]
