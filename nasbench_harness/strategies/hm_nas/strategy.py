"""HM-NAS: one mixture of all operations, masked at three levels (Yan et al., ICCV-W 2019, arXiv 1909.00122)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from nasbench_harness.strategies.base import Scorer, Strategy, strategies
from nasbench_harness.strategies.context import Context
from nasbench_harness.strategies.hm_nas.options import HmNasOptions
from nasbench_harness.strategies.hm_nas.rankings import additive_ceiling


@strategies.register("hm-nas")
@dataclass(frozen=True)
class HmNas(HmNasOptions, Strategy):
    """A mixture of all operations, then masks of edges, operations and weights (HM-NAS).

    Half of the training images train the weights, the other half the importances (Adam at ``importance_rate``) and
    afterwards, for a share ``mask_fraction`` of the budget, the masks: real numbers from ``mask_start``, 1 where they
    exceed ``threshold``, Adam at ``mask_rate``, pulled down by ``pressure`` times their sum. The ablations:
    ``weight_masks = false``, ``edge_level = false``, ``masking = false`` (DARTS with edge weights). See
    docs/methods/hm-nas.md.
    """

    status: ClassVar[str] = "adaptation"
    source: ClassVar[str] = "Yan et al., HM-NAS, ICCV Workshops 2019, arXiv 1909.00122"

    @property
    def extra_signals(self) -> tuple[str, ...]:  # type: ignore[override]
        """S1, and S3 where there are masks."""
        return ("masked_importance", "mask_logits") if self.masking else ("masked_importance",)

    def analysis(self, details: dict[str, Any], true_A: np.ndarray) -> dict[str, Any]:
        """True accuracy of the derived architecture, its regret, and the tau that a sum over the edges could reach."""
        derived = float(true_A[details["projected"]["index"]])
        known = not np.isnan(derived)
        return {
            "additive_ceiling": additive_ceiling(true_A),
            "projected": {
                "truth": derived if known else None,
                "regret": float(np.nanmax(true_A)) - derived if known else None,
            },
        }

    def train(self, context: Context) -> Scorer:
        """Train the mixture, then its masks."""
        from nasbench_harness.strategies.hm_nas.training import train

        return train(self, context)
