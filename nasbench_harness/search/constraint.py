"""The constraint of a hardware-aware search: a window of costs, and which architectures lie in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.space import N_ARCHITECTURES, Subspace, connected

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Window:
    """Costs from ``low`` to ``high``, both included; None leaves a side open. Raises ``UsageError`` for low > high."""

    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        """Refuse a window that cannot hold anything."""
        for bound in (self.low, self.high):
            if bound is not None and not np.isfinite(bound):
                raise UsageError(f"bounds of a window are numbers, found {bound}")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise UsageError(f"the window begins at {self.low:g} and ends at {self.high:g}; name the lower bound first")

    def holds(self, cost_N: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Whether each cost lies inside; NaN does not."""
        values = np.asarray(cost_N, dtype=np.float64)
        low, high = -np.inf if self.low is None else self.low, np.inf if self.high is None else self.high
        return np.asarray((values >= low) & (values <= high))

    def describe(self, unit: str) -> str:
        """In words: ``at most 18 ms``, ``8 to 11 ms``."""
        if self.low is None:
            return "any" if self.high is None else f"at most {self.high:g} {unit}"
        return f"at least {self.low:g} {unit}" if self.high is None else f"{self.low:g} to {self.high:g} {unit}"

    def to_json(self) -> dict[str, float | None]:
        """Plain JSON values."""
        return {"low": self.low, "high": self.high}


@dataclass(frozen=True, eq=False)
class Candidates:
    """What a search may return. ``mask_A``: bool ``[15625]``. The counts say why the rest of the subspace is out."""

    mask_A: npt.NDArray[np.bool_]
    without_path: int
    without_cost: int
    outside_window: int

    @property
    def size(self) -> int:
        """How many there are."""
        return int(self.mask_A.sum())

    def to_json(self) -> dict[str, Any]:
        """The counts."""
        return {
            "candidates": self.size,
            "without_path": self.without_path,
            "without_cost": self.without_cost,
            "outside_window": self.outside_window,
        }


def candidates_of(cost_A: FloatArray, window: Window, subspace: Subspace, unit: str = "ms") -> Candidates:
    """The members of ``subspace`` that have a path from input to output and a cost inside the window.

    ``cost_A``: float64 ``[15625]``, NaN where unknown; those rows are left out and counted. Raises ``DataError`` for
    costs of another shape, and ``UsageError`` naming the nearest possible cost when the window holds nothing.
    """
    costs = checked_costs(cost_A)
    joined_A = subspace.mask_A & connected()
    known_A = joined_A & ~np.isnan(costs)
    inside_A = known_A & window.holds(costs)
    if not inside_A.any():
        raise UsageError(_nothing(costs[known_A], window, subspace, unit))
    return Candidates(
        inside_A,
        without_path=subspace.size - int(joined_A.sum()),
        without_cost=int(joined_A.sum() - known_A.sum()),
        outside_window=int(known_A.sum() - inside_A.sum()),
    )


def checked_costs(cost_A: npt.ArrayLike) -> FloatArray:
    """Costs as float64 ``[15625]``; ``DataError`` for another length."""
    costs = np.asarray(cost_A, dtype=np.float64)
    if costs.shape != (N_ARCHITECTURES,):
        raise DataError(f"costs are needed for {N_ARCHITECTURES} architectures, found shape {costs.shape}")
    return costs


def _nothing(known: FloatArray, window: Window, subspace: Subspace, unit: str) -> str:
    if not known.size:
        return f"no architecture of {subspace.name!r} has a path and a known cost; choose another column"
    low, high = window.low, window.high
    below = known[known < low] if low is not None else known[:0]
    above = known[known > high] if high is not None else known[:0]
    near = [f"{side(part):g}" for side, part in ((np.max, below), (np.min, above)) if part.size]
    return (
        f"no architecture of {subspace.name!r} costs {window.describe(unit)}; the nearest possible: "
        f"{' and '.join(near)} {unit} (all lie in {known.min():g} to {known.max():g} {unit})"
    )
