"""How well a column can be predicted, on architectures that took no part in the fit; beside it the plain model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError
from nasbench_harness.latency.predict.ceiling import ceiling
from nasbench_harness.latency.predict.design import plan
from nasbench_harness.latency.predict.executed import EXECUTED
from nasbench_harness.latency.predict.features import features
from nasbench_harness.latency.predict.fit import LEAST_SAMPLES
from nasbench_harness.latency.predict.predictor import LatencyPredictor, fit_predictor
from nasbench_harness.latency.table import LatencyTable
from nasbench_harness.metrics import kendall_tau, spearman
from nasbench_harness.seeding import derive_rng

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MEASURES = ("spearman", "tau", "mape")
_FOLDS = 5
_T_95 = 2.776  # of Student's t with 4 degrees of freedom
_LEAVE_ONE_OUT_UNTIL = 100
_RESAMPLES = 500
_STRAY = 1e-6  # ms: the plain model may extrapolate below zero


def fit_columns(
    table: LatencyTable,
    devices: Sequence[str] = (),
    samples: int | None = None,
    repeats: int = 20,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[LatencyPredictor], list[dict[str, Any]]]:
    """Fit device columns of a table, and tell how well the predictions hold on held-out architectures.

    ``devices``: columns, all when empty. ``samples``: fit on the architectures of ``plan(samples)`` and judge on all
    others, ``repeats`` times with designs that share no architecture; None: fit on every row, judged by
    cross-validation (five folds, or leaving out one of fewer than a hundred). The predictors are those of the first
    design, or of all rows. Raises ``DataError`` for an unknown column and for too few rows.
    """
    names = list(devices) or list(table.columns)
    predictors, reports = [], []
    for done, name in enumerate(names):
        ms_A = table.vector(name)
        if samples is None:
            predictor, report = _all_rows(table, name, ms_A)
        else:
            predictor, report = _few_samples(table, name, ms_A, samples, repeats)
        predictors.append(predictor)
        reports.append({"device": name, **report, "ceiling": ceiling(ms_A, predictor.predict())})
        if progress is not None:
            progress(done + 1, len(names))
    return predictors, reports


def executed_by(table: LatencyTable) -> str | None:
    """The rule of executed edges where the table knows it: the harness's own measurements run live edges only."""
    rule = table.meta.get("executed")
    return rule if rule in EXECUTED else None


def _few_samples(
    table: LatencyTable, name: str, ms_A: FloatArray, samples: int, repeats: int
) -> tuple[LatencyPredictor, dict[str, Any]]:
    known_A = ~np.isnan(ms_A)
    found, plain = [], []
    predictors: list[LatencyPredictor] = []
    for repeat in range(repeats):
        design = plan(samples, repeat)
        if not known_A[design].all():
            raise DataError(
                f"column '{name}' has no value for {int((~known_A[design]).sum())} of the {samples} architectures of "
                f"design {repeat}; leave --samples out to fit on the {int(known_A.sum())} rows that it has"
            )
        predictors.append(fit_predictor(name, design, ms_A[design], table.devices[name], executed_by(table)))
        found.append(_judged(predictors[-1].predict(), ms_A, design))
        drawn = derive_rng("latency baseline", repeat).choice(np.flatnonzero(known_A), samples, replace=False)
        plain.append(_judged(_plain(drawn, ms_A), ms_A, drawn))
    report = {
        "samples": samples,
        "repeats": repeats,
        "held_out": int(known_A.sum()) - samples,
        "models": dict(Counter(f"{one.features}/{one.executed}" for one in predictors)),
        **{measure: _over_repeats([one[measure] for one in found]) for measure in MEASURES},
        "first_design": found[0],
        "plain_additive": {
            "samples": "drawn at random",
            **{measure: _over_repeats([one[measure] for one in plain]) for measure in MEASURES},
        },
    }
    return predictors[0], report


def _all_rows(table: LatencyTable, name: str, ms_A: FloatArray) -> tuple[LatencyPredictor, dict[str, Any]]:
    known = np.flatnonzero(~np.isnan(ms_A))
    predictor = fit_predictor(name, known, ms_A[known], table.devices[name], executed_by(table))
    order = derive_rng("latency folds", len(known)).permutation(known)
    n = len(known)
    folds = np.array_split(order, n if n < _LEAVE_ONE_OUT_UNTIL else _FOLDS)
    if n - max(len(fold) for fold in folds) < LEAST_SAMPLES:
        raise DataError(f"column '{name}' has {n} rows, and leaving one out needs {LEAST_SAMPLES + 1}; measure more")
    held_A, plain_A = np.full_like(ms_A, np.nan), np.full_like(ms_A, np.nan)
    for fold in folds:
        rest = np.setdiff1d(known, fold)
        held_A[fold] = fit_predictor(name, rest, ms_A[rest], None, executed_by(table)).predict()[fold]
        plain_A[fold] = _plain(rest, ms_A)[fold]
    groups = folds if len(folds) == _FOLDS else None
    report = {
        "samples": n,
        "repeats": len(folds),
        "held_out": n,
        "models": {f"{predictor.features}/{predictor.executed}": 1},
        **_over_rows(held_A, ms_A, known, groups),
        "plain_additive": {"samples": "the same rows", **_over_rows(plain_A, ms_A, known, groups)},
    }
    return predictor, report


def _plain(index_n: IntArray, ms_A: FloatArray) -> FloatArray:
    """The baseline: least squares of milliseconds on the counts of operations over all edges."""
    x_AF = features("kind", "all")
    coefficient_F = np.linalg.lstsq(x_AF[index_n], ms_A[index_n], rcond=None)[0]
    return np.asarray(np.maximum(x_AF @ coefficient_F, _STRAY))


def _judged(predicted_A: FloatArray, ms_A: FloatArray, fitted: IntArray) -> dict[str, float | None]:
    held_A = ~np.isnan(ms_A)
    held_A[fitted] = False
    return measures(predicted_A[held_A], ms_A[held_A])


def measures(predicted_n: FloatArray, ms_n: FloatArray) -> dict[str, float | None]:
    """Spearman, tau-b and mean absolute error in percent of the measurement; None where ranks are undefined."""
    mape = 100.0 * float(np.mean(np.abs(predicted_n - ms_n) / ms_n))
    return {"spearman": spearman(predicted_n, ms_n), "tau": kendall_tau(predicted_n, ms_n), "mape": mape}


def _over_repeats(values: Sequence[float | None]) -> dict[str, float | None]:
    """Mean, and the 2.5 and 97.5 % quantiles over repeated designs."""
    known = [value for value in values if value is not None]
    if not known:
        return {"mean": None, "low": None, "high": None}
    low, high = np.quantile(known, (0.025, 0.975))
    return {"mean": float(np.mean(known)), "low": float(low), "high": float(high)}


def _over_rows(
    predicted_A: FloatArray, ms_A: FloatArray, known: IntArray, folds: Sequence[IntArray] | None
) -> dict[str, dict[str, float | None]]:
    """All held-out rows at once, with a 95 % interval: from five folds, or from resampled rows where there are few."""
    whole = measures(predicted_A[known], ms_A[known])
    found: dict[str, dict[str, float | None]] = {}
    if folds is not None:
        parts = [measures(predicted_A[fold], ms_A[fold]) for fold in folds]
        for measure in MEASURES:
            spread = _T_95 * float(np.std([part[measure] or 0.0 for part in parts], ddof=1)) / np.sqrt(len(parts))
            centre = whole[measure]
            low, high = (None, None) if centre is None else (centre - spread, centre + spread)
            found[measure] = {"mean": centre, "low": low, "high": high}
        return found
    rng = derive_rng("latency resamples", len(known))
    drawn = [known[rng.integers(len(known), size=len(known))] for _ in range(_RESAMPLES)]
    parts = [measures(predicted_A[rows], ms_A[rows]) for rows in drawn]
    for measure in MEASURES:
        found[measure] = {**_over_repeats([part[measure] for part in parts]), "mean": whole[measure]}
    return found
