"""No partition: the control in which few-shot training has one leaf, the same as one-shot but for its draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nasbench_harness.partitioners.base import Partitioner, Probe, partitioners
from nasbench_harness.space import Subspace


@partitioners.register("none")
@dataclass(frozen=True)
class NoPartition(Partitioner):
    """The whole subspace as one leaf (control)."""

    status: ClassVar[str] = "control"

    def split(self, subspace: Subspace, probe: Probe | None, rng: np.random.Generator) -> list[Subspace]:
        """``[subspace]``."""
        return [subspace]
