"""HM-NAS: one mixture of all operations, masked at three levels (Yan et al., ICCV-W 2019, arXiv 1909.00122)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from nasbench_harness.errors import UsageError
from nasbench_harness.strategies.base import Context, Scorer, Strategy, strategies
from nasbench_harness.strategies.hm_nas.rankings import additive_ceiling


@strategies.register("hm-nas")
@dataclass(frozen=True)
class HmNas(Strategy):
    """A mixture of all operations, then masks of edges, operations and weights (HM-NAS).

    Half of the training images train the weights, the other half the importances (Adam at ``importance_rate``) and
    afterwards, for a share ``mask_fraction`` of the budget, the masks: real numbers from ``mask_start``, 1 where they
    exceed ``threshold``, Adam at ``mask_rate``, pulled down by ``pressure`` times their sum. The ablations:
    ``weight_masks = false``, ``edge_level = false``, ``masking = false`` (DARTS with edge weights). See methods 6.
    """

    importance_rate: float = 3e-4
    mask_fraction: float = 1 / 6
    mask_rate: float = 1e-4
    mask_start: float = 1e-2
    threshold: float = 5e-3
    pressure: float = 0.0
    weight_masks: bool = True
    edge_level: bool = True
    masking: bool = True

    status: ClassVar[str] = "adaptation"
    source: ClassVar[str] = "Yan et al., HM-NAS, ICCV Workshops 2019, arXiv 1909.00122"

    def __post_init__(self) -> None:
        """Refuse impossible rates and shares before anything is trained."""
        for name in ("importance_rate", "mask_rate"):
            if not getattr(self, name) > 0:
                raise UsageError(f"{name} must be above 0, found {getattr(self, name)}")
        if not 0 < self.mask_fraction < 1:
            raise UsageError(f"mask_fraction must be above 0 and below 1, found {self.mask_fraction}")
        if not self.mask_start > self.threshold:
            raise UsageError(
                f"mask_start {self.mask_start:g} does not exceed the threshold {self.threshold:g}: "
                "every mask would start at 0; raise mask_start"
            )
        if self.pressure < 0:
            raise UsageError(f"pressure must be at least 0, found {self.pressure:g}")

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
