"""The options of HM-NAS, checked; what its training is given."""

from __future__ import annotations

from dataclasses import dataclass

from nasbench_harness.errors import UsageError

STRUCTURE = ("alpha", "beta")
"""Names of the masks of operations and of edges."""


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
    structure_rate: float | None = None
    structure_start: float | None = None
    structure_pressure: float | None = None

    def __post_init__(self) -> None:
        """Refuse impossible rates and shares before anything is trained."""
        for name in ("importance_rate", "mask_rate"):
            if not getattr(self, name) > 0:
                raise UsageError(f"{name} must be above 0, found {getattr(self, name)}")
        if not 0 < self.mask_fraction < 1:
            raise UsageError(f"mask_fraction must be above 0 and below 1, found {self.mask_fraction}")
        if self.structure_rate is not None and not self.structure_rate > 0:
            raise UsageError(f"structure_rate must be above 0, found {self.structure_rate}")
        for name in ("mask_start", "structure_start"):
            start = getattr(self, name)
            if start is not None and not start > self.threshold:
                raise UsageError(
                    f"{name} {start:g} does not exceed the threshold {self.threshold:g}: "
                    f"every mask would start at 0; raise {name}"
                )
        for name in ("pressure", "structure_pressure"):
            if (getattr(self, name) or 0) < 0:
                raise UsageError(f"{name} must be at least 0, found {getattr(self, name):g}")

    @property
    def mask_settings(self) -> MaskSettings:
        """How the masks are learnt."""
        of_weights = LevelSettings(self.mask_rate, self.mask_start, self.pressure)
        own = (self.structure_rate, self.structure_start, self.structure_pressure)
        common = (of_weights.rate, of_weights.start, of_weights.pressure)
        chosen = (theirs if value is None else value for value, theirs in zip(own, common, strict=True))
        return MaskSettings(LevelSettings(*chosen), of_weights, self.threshold, self.weight_masks)


@dataclass(frozen=True)
class LevelSettings:
    """How real masks are learnt: Adam's rate, where they start, what multiplies the sum of their absolute values."""

    rate: float
    start: float
    pressure: float


@dataclass(frozen=True)
class MaskSettings:
    """The masks of the structure (operations and edges), those of weights, and what they share.

    ``with_weights``: whether weights are masked at all.
    """

    structure: LevelSettings
    weights: LevelSettings
    threshold: float
    with_weights: bool

    def of(self, name: str) -> LevelSettings:
        """The settings of a mask by its name: ``alpha``, ``beta``, or that of a weight."""
        return self.structure if name in STRUCTURE else self.weights
