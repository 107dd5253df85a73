"""HM-NAS: one mixture of all operations, masked at three levels (Yan et al., ICCV-W 2019, arXiv 1909.00122)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from nasbench_harness.strategies.base import Scorer, Strategy, strategies
from nasbench_harness.strategies.context import Context
from nasbench_harness.strategies.hm_nas.options import HmNasOptions
from nasbench_harness.strategies.hm_nas.report import masking_report


@strategies.register("hm-nas")
@dataclass(frozen=True)
class HmNas(HmNasOptions, Strategy):
    """A mixture of all operations, then masks of edges, operations and weights (HM-NAS).

    Half of the training images train the weights, the other half the importances (Adam at ``importance_rate``) and
    afterwards, for a share ``mask_fraction`` of the budget, the masks: real numbers from ``mask_start``, 1 where they
    exceed ``threshold``, Adam at ``mask_rate``, pulled down by ``pressure`` times their sum. The 30 masks of operations
    and edges may have a ``structure_rate``, ``structure_start`` and ``structure_pressure`` of their own. The ablations:
    ``weight_masks = false``, ``edge_level = false``, ``masking = false`` (DARTS with edge weights). See
    docs/methods/hm-nas.md.
    """

    can_be_rehearsed: ClassVar[bool] = True
    keeps_weights: ClassVar[bool] = False
    status: ClassVar[str] = "adaptation"
    source: ClassVar[str] = "Yan et al., HM-NAS, ICCV Workshops 2019, arXiv 1909.00122"

    before_they_were_options: ClassVar[Mapping[str, Any]] = {
        "structure_rate": None,
        "structure_start": None,
        "structure_pressure": None,
    }

    @property
    def extra_signals(self) -> tuple[str, ...]:  # type: ignore[override]
        """S1, and S3 where there are masks."""
        return ("masked_importance", "mask_logits") if self.masking else ("masked_importance",)

    def analysis(self, details: dict[str, Any], true_A: np.ndarray) -> dict[str, Any]:
        """``masking_report``: what is masked, what is derived, and how good that is."""
        return masking_report(details, true_A)

    def train(self, context: Context) -> Scorer:
        """Train the mixture, then its masks."""
        from nasbench_harness.strategies.hm_nas.training import train

        return train(self, context)
