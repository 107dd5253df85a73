"""The options of HM-NAS, checked; what its training is given."""

from __future__ import annotations

from dataclasses import dataclass

from nasbench_harness.errors import UsageError


@dataclass(frozen=True)
class HmNasOptions:
    """See ``HmNas``, which documents them."""

    importance_rate: float = 3e-4
    mask_fraction: float = 1 / 6
    mask_rate: float = 1e-4
    mask_start: float = 1e-2
    threshold: float = 5e-3
    pressure: float = 0.0
    weight_masks: bool = True
    edge_level: bool = True
    masking: bool = True

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
