"""Robust regression of latencies on features, and the choice of a model by leave-one-out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError
from nasbench_harness.latency.predict.executed import EXECUTED
from nasbench_harness.latency.predict.features import FEATURES, features

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

LEAST_SAMPLES = 6
"""One more than the additive model has numbers: without a spare one there is no error to report."""

_HUBER = 1.5  # residuals beyond so many robust standard deviations count less and less (Huber 1964)
_ROUNDS = 10
_LEAST_SCALE = 1e-4  # relative; below it residuals are rounding, and nothing is an outlier
_RIDGE = 1e-9  # relative to the mean square of a feature: only where a feature never varies does it decide
_MOST_LEVERAGE = 0.9
_SAMPLES_PER_FEATURE = 4
_BETTER = 0.8  # another model must lower the leave-one-out error of the simpler one to this part
_SELECTION_ROWS = 3000
_BETTER_WITH_MANY = 0.98


@dataclass(frozen=True, eq=False)
class Regression:
    """A fitted model. ``loo_n``: relative leave-one-out errors (measured / predicted - 1) of its samples."""

    kind: str
    rule: str
    coefficient_F: FloatArray
    loo_n: FloatArray

    @property
    def error(self) -> float:
        """Root mean square of the relative leave-one-out errors, each bounded so that no outlier rules the choice."""
        scale = 1.4826 * float(np.median(np.abs(self.loo_n)))
        bounded = np.clip(self.loo_n, -5 * scale, 5 * scale) if len(self.loo_n) > 30 and scale > 0 else self.loo_n
        return float(np.sqrt(np.mean(bounded**2)))


def regress(index_n: IntArray, ms_n: FloatArray, kind: str, rule: str, robust: bool = True) -> Regression:
    """Least squares of relative errors with Huber's weights.

    ``index_n``: our indices of the measured architectures; ``ms_n``: their latencies in ms, positive. Leave-one-out
    errors follow from the leverages of the last weighted fit, without fitting again.
    """
    x_nF = features(kind, rule)[index_n] / ms_n[:, None]  # relative error: divide both sides by the measurement
    ridge_F = _RIDGE * (x_nF**2).mean(axis=0) * len(ms_n) + 1e-15
    weight_n = np.ones(len(ms_n))
    for _ in range(_ROUNDS if robust else 1):
        weighted_nF = x_nF * weight_n[:, None]
        gram_FF = weighted_nF.T @ x_nF + np.diag(ridge_F)
        coefficient_F = np.linalg.solve(gram_FF, weighted_nF.sum(axis=0))
        residual_n = 1.0 - x_nF @ coefficient_F
        used_n = weight_n
        scale = max(1.4826 * float(np.median(np.abs(residual_n))), _LEAST_SCALE)
        weight_n = np.minimum(1.0, _HUBER * scale / np.maximum(np.abs(residual_n), 1e-300))
        if np.abs(weight_n - used_n).max() < 1e-3:
            break
    leverage_n = used_n * np.einsum("nf,fg,ng->n", x_nF, np.linalg.inv(gram_FF), x_nF)
    loo_n = residual_n / (1.0 - np.clip(leverage_n, 0.0, _MOST_LEVERAGE))
    return Regression(kind, rule, coefficient_F, loo_n)


def candidates(n: int) -> list[tuple[str, str]]:
    """Models that ``n`` samples can tell apart, simplest first: (features, rule of executed edges)."""
    kinds = [kind for kind in FEATURES if kind == "kind" or features(kind, "all").shape[1] * _SAMPLES_PER_FEATURE <= n]
    return [(kind, rule) for kind in kinds for rule in EXECUTED]


def select(index_n: IntArray, ms_n: FloatArray, among: Sequence[tuple[str, str]] | None = None) -> Regression:
    """The regression with the least leave-one-out error, where it is clearly better than a simpler one.

    A more complex model replaces a simpler one only when it lowers the error by a fifth (by 2 % where thousands of
    samples measure the error itself well). Raises ``DataError`` for fewer than ``LEAST_SAMPLES`` samples.
    """
    n = len(ms_n)
    if n < LEAST_SAMPLES:
        raise DataError(
            f"{n} measured architectures, and the additive model needs at least {LEAST_SAMPLES}; measure more "
            "(`nasbench-harness latency plan --samples 10` says which)"
        )
    part = slice(None) if n <= _SELECTION_ROWS else slice(None, None, -(-n // _SELECTION_ROWS))
    better = _BETTER if n < 200 else _BETTER_WITH_MANY
    best: Regression | None = None
    for kind, rule in among or candidates(n):
        tried = regress(index_n[part], ms_n[part], kind, rule)
        if best is None or tried.error < better * best.error:
            best = tried
    assert best is not None
    return best if n <= _SELECTION_ROWS else regress(index_n, ms_n, best.kind, best.rule)
