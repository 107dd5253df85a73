"""A latency predictor: fitted on measured architectures, it tells the latency of the others, and how far it may err."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.latency.predict.executed import EXECUTED
from nasbench_harness.latency.predict.features import FEATURES, feature_names, features
from nasbench_harness.latency.predict.fit import candidates, select
from nasbench_harness.latency.table import DeviceInfo, LatencyTable

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_FLOOR = 0.5  # of the fastest sample: extrapolation never goes below


@dataclass(frozen=True, eq=False)
class LatencyPredictor:
    """Latency of an architecture = features times coefficients, in ms, never below ``floor_ms``.

    ``features``, ``executed``: the model chosen (see ``FEATURES`` and ``EXECUTED``). ``samples``: how many measured
    architectures it was fitted on. ``error``: root mean square of its relative leave-one-out errors. ``range_90``: the
    5 % and 95 % quantiles of measured / predicted among them. ``info``: where the samples were measured; a predictor
    speaks for that batch size, precision and image size only.
    """

    column: str
    features: str
    executed: str
    coefficients: dict[str, float]
    floor_ms: float
    samples: int
    error: float
    range_90: tuple[float, float]
    info: DeviceInfo

    def predict(
        self, batch_size: int | None = None, precision: str | None = None, image_size: int | None = None
    ) -> FloatArray:
        """Milliseconds of all architectures, float64 ``[15625]`` by our index.

        ``UsageError`` when asked for another batch size, precision or image size than it was fitted at.
        """
        check_conditions(self.column, self.info, batch_size, precision, image_size)
        coefficient_F = np.array([self.coefficients[name] for name in feature_names(self.features)])
        return np.asarray(np.maximum(features(self.features, self.executed) @ coefficient_F, self.floor_ms))

    def interval(self) -> tuple[FloatArray, FloatArray]:
        """Lower and upper ends in ms, each ``[15625]``, between which 90 % of measurements are expected."""
        ms_A = self.predict()
        return ms_A * self.range_90[0], ms_A * self.range_90[1]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "column": self.column,
            "features": self.features,
            "executed": self.executed,
            "coefficients_ms": self.coefficients,
            "floor_ms": self.floor_ms,
            "samples": self.samples,
            "error": self.error,
            "range_90": list(self.range_90),
            "device": self.info.to_json(),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> LatencyPredictor:
        """From ``to_json``; ``DataError`` when a field is missing or makes no sense."""
        try:
            kind, rule = str(value["features"]), str(value["executed"])
            if kind not in FEATURES or rule not in EXECUTED:
                raise ValueError(f"unknown model {kind}/{rule}")
            coefficients = {name: float(value["coefficients_ms"][name]) for name in feature_names(kind)}
            floor_ms, low, high = float(value["floor_ms"]), *(float(end) for end in value["range_90"])
            if not (np.isfinite(list(coefficients.values())).all() and 0 < floor_ms < np.inf):
                raise ValueError("a coefficient is not finite, or the floor not positive")
            info = DeviceInfo.from_json(value["device"])
            samples, error = int(value["samples"]), float(value["error"])
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as fault:
            raise DataError(f"not a whole latency predictor ({fault}); fit it again with `latency fit --to`") from fault
        return cls(str(value.get("column")), kind, rule, coefficients, floor_ms, samples, error, (low, high), info)


def fit_predictor(
    column: str, index_n: IntArray, ms_n: FloatArray, info: DeviceInfo | None = None, rule: str | None = None
) -> LatencyPredictor:
    """Fit on measured architectures: our indices ``[n]`` and their latencies in ms ``[n]``; NaN rows are left out.

    The model is chosen by leave-one-out (``predictor_fit.select``), among those of one ``rule`` of executed edges where
    it is known. Raises ``DataError`` for too few samples.
    """
    known_n = ~np.isnan(ms_n)
    index_n, ms_n = index_n[known_n], ms_n[known_n]
    among = [one for one in candidates(len(ms_n)) if rule is None or one[1] == rule]
    fitted = select(index_n, ms_n, among)
    low, high = np.quantile(fitted.loo_n, (0.05, 0.95))
    return LatencyPredictor(
        column,
        fitted.kind,
        fitted.rule,
        dict(zip(feature_names(fitted.kind), fitted.coefficient_F.tolist(), strict=True)),
        _FLOOR * float(ms_n.min()),
        len(ms_n),
        fitted.error,
        (1.0 / (1.0 - float(low)), 1.0 / max(1.0 - float(high), 0.05)),
        info or DeviceInfo(),
    )


def check_conditions(
    column: str, info: DeviceInfo, batch_size: int | None, precision: str | None, image_size: int | None
) -> None:
    """``UsageError`` unless what is asked for is what ``info`` says (what is not asked for, or not known, passes)."""
    asked = {"batch size": (batch_size, info.batch_size), "precision": (precision, info.precision)}
    asked["image size"] = (image_size, info.image_size)
    for what, (wanted, fitted) in asked.items():
        if wanted is not None and fitted is not None and wanted != fitted:
            raise UsageError(
                f"'{column}' holds for {what} {fitted}, asked for {wanted}; measure a few architectures at {what} "
                f"{wanted} (`nasbench-harness latency measure`) and fit them"
            )


def predicted_table(name: str, predictors: list[LatencyPredictor], meta: dict[str, Any] | None = None) -> LatencyTable:
    """The predictions of all architectures as a latency table, a column for each predictor."""
    columns = {one.column: one.predict() for one in predictors}
    infos = {one.column: replace(one.info, predicted=True) for one in predictors}
    errors = {
        one.column: {"error": one.error, "range_90": list(one.range_90), "samples": one.samples} for one in predictors
    }
    return LatencyTable(name, columns, infos, {"predicted": errors, **(meta or {})})
