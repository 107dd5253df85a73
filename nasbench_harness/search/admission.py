"""Which architectures may be recommended under a limit: by their measurement where there is one, else with a margin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import UsageError
from nasbench_harness.search.constraint import Window, candidates_of, checked_costs
from nasbench_harness.search.inputs import Cost
from nasbench_harness.space import N_ARCHITECTURES, Subspace, connected

LEAST_RESIDUALS = 20
"""So many architectures, both measured and predicted, tell the margin of predictions whose table does not."""

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Admission:
    """Costs of one device as an engineer may rely on them, and who holds the limit. All arrays ``[15625]``.

    ``cost_A``: measured where known, else predicted, NaN where neither is. ``measured_A``, ``predicted_A``: NaN where
    there is none. ``low_A``, ``high_A``: the measured cost, or the ends between which 90 % of the measurements of an
    architecture so predicted are expected. ``mask_A``: who may be recommended: ``low_A`` and ``high_A`` both lie in the
    window. ``range_90``: as ``Prediction.range_90``; None where nothing was predicted or no error of it is known.
    ``counts``: why the others are out.
    """

    cost_A: FloatArray
    measured_A: FloatArray
    predicted_A: FloatArray
    low_A: FloatArray
    high_A: FloatArray
    mask_A: BoolArray
    range_90: tuple[float, float] | None
    counts: dict[str, int]

    def row(self, index: int) -> dict[str, float | None]:
        """The costs of one architecture, None where unknown."""
        names = ("measured", "predicted", "low", "high")
        values = (float(each[index]) for each in (self.measured_A, self.predicted_A, self.low_A, self.high_A))
        return {name: None if np.isnan(value) else value for name, value in zip(names, values, strict=True)}


def admit(cost: Cost, window: Window, subspace: Subspace) -> Admission:
    """The architectures of ``subspace`` with a path from input to output that hold the window.

    An architecture that was measured is judged by its measurement alone. One that was only predicted must hold the
    window with its prediction times both ends of the predictor's ``range_90``, so that about 95 % of such architectures
    hold a limit. Raises ``UsageError`` where none does, naming the nearest cost.
    """
    value_A = checked_costs(cost.value_A)
    unknown_A = np.full(N_ARCHITECTURES, np.nan)
    if cost.prediction is None:
        measured_A, predicted_A = value_A, unknown_A
    else:
        measured_A, predicted_A = checked_costs(cost.checked_A) if cost.predicted else unknown_A, value_A
    range_90 = _range_90(cost, measured_A, predicted_A)
    known_A = ~np.isnan(measured_A)
    least, most = range_90 or (1.0, 1.0)
    least, most = min(least, 1.0), max(most, 1.0)  # a predictor that errs to one side gives no negative margin
    cost_A = np.where(known_A, measured_A, predicted_A)
    low_A, high_A = (
        np.where(known_A, measured_A, predicted_A * least),
        np.where(known_A, measured_A, predicted_A * most),
    )
    joined_A = subspace.mask_A & connected()
    costed_A = joined_A & ~np.isnan(cost_A)
    within_A = costed_A & window.holds(cost_A)
    mask_A = costed_A & window.holds(low_A) & window.holds(high_A)
    if not mask_A.any():
        candidates_of(cost_A, window, subspace, cost.unit)
        raise UsageError(_none_with_margin(int(within_A.sum()), cost, window, low_A[within_A], high_A[within_A]))
    counts = {
        "admissible": int(mask_A.sum()),
        "only_predicted": int((mask_A & ~known_A).sum()),
        "without_path": int(subspace.size - joined_A.sum()),
        "without_cost": int(joined_A.sum() - costed_A.sum()),
        "outside_window": int(costed_A.sum() - within_A.sum()),
        "outside_with_margin": int((within_A & ~mask_A).sum()),
    }
    return Admission(cost_A, measured_A, predicted_A, low_A, high_A, mask_A, range_90, counts)


def _range_90(cost: Cost, measured_A: FloatArray, predicted_A: FloatArray) -> tuple[float, float] | None:
    if cost.prediction is None or cost.prediction.range_90 is not None:
        return None if cost.prediction is None else cost.prediction.range_90
    both_A = ~np.isnan(measured_A) & ~np.isnan(predicted_A)
    if both_A.sum() < LEAST_RESIDUALS:
        return None
    low, high = np.quantile(measured_A[both_A] / predicted_A[both_A], (0.05, 0.95))
    return float(low), float(high)


def _none_with_margin(within: int, cost: Cost, window: Window, low_N: FloatArray, high_N: FloatArray) -> str:
    near: list[Any] = [] if window.low is None else [f"a lower bound of {low_N.max():.4g}"]
    near += [] if window.high is None else [f"an upper bound of {high_N.min():.4g}"]
    return (
        f"{within} architectures are predicted to cost {window.describe(cost.unit)}, but none with the margin of the "
        f"predictor's errors; allow {' or '.join(near)} {cost.unit}, or measure those that matter "
        "(`nasbench-harness latency measure --architectures FILE`) and name the table by --measured"
    )
