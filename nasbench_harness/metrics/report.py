"""Everything the harness says about one column of scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.metrics.beyond_count import TauWithin, count_ranks, large_groups, sum_with, within_of
from nasbench_harness.metrics.concordance import pairwise_accuracy_of
from nasbench_harness.metrics.correlation import pearson_of, spearman_of, tau_in_top_of, tau_of
from nasbench_harness.metrics.pairs import Floats, Pair, checked_vector, top_count
from nasbench_harness.metrics.resampling import (
    ResampledPairAccuracy,
    ResampledPearson,
    ResampledPrecision,
    ResampledPrecisionAtWorst,
    ResampledSpearman,
    ResampledTau,
    ResampledTauWithin,
    intervals_of,
)
from nasbench_harness.metrics.topk import (
    best_rank_of,
    precision_at_worst_of,
    precision_of,
    regret_of,
    top_k_accuracy_of,
    worst_rank_of,
)
from nasbench_harness.metrics.uncertainty import Interval

TOP_FRACTION = 0.1
FRACTIONS = (0.01, 0.05, 0.1)
KS = (1, 10, 100)
MARGINS = (0, 1)
"""Differences of truth, in its unit, above which pairs are counted."""
RESAMPLES = 1000


@dataclass(frozen=True)
class Metrics:
    """The metrics of one score column against one truth; definitions in the modules of `metrics`.

    A correlation is None where it is undefined: constant scores (`n_distinct_scores` 1), constant truth, or a top 10 %
    of fewer than 2 rows; those with FLOPs too where no FLOPs were given. `flops_groups`: how many `groups` of equal
    FLOPs the tau within them is from, and their rows `n`. `intervals` is keyed by dotted name (`kendall_tau`,
    `precision_at.0.05`); a metric that is undefined in some resample has none, nor have extremes (best and worst rank,
    top-k accuracy, regret), whose bootstrap always ends at the estimate. Accuracies and regrets are in the unit of the
    truth (percent), as are the margins that `pairwise_accuracy` is keyed by.
    """

    n: int
    kendall_tau: float | None
    tau_within_flops: float | None
    tau_with_flops: float | None
    flops_groups: dict[str, int]
    spearman: float | None
    pearson: float | None
    tau_in_true_top_10_percent: float | None
    tau_in_predicted_top_10_percent: float | None
    pairwise_accuracy: dict[str, float | None]
    precision_at: dict[str, float]
    precision_at_worst: dict[str, float]
    best_rank_at: dict[str, int]
    worst_rank_at: dict[str, int]
    top_k_accuracy: dict[str, float]
    regret_at: dict[str, float]
    n_distinct_scores: int
    intervals: dict[str, Interval]
    interval_method: str

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values under the names of the fields; undefined correlations are null, never NaN."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values = {name: dict(value) if isinstance(value, dict) else value for name, value in values.items()}
        return values | {"intervals": {name: list(interval) for name, interval in self.intervals.items()}}


def evaluate(
    score: npt.ArrayLike,
    truth: npt.ArrayLike,
    *,
    flops: npt.ArrayLike | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Metrics:
    """All metrics of a score column, higher is better, with bootstrap intervals over architectures.

    `score`, `truth` and `flops` (multiply-adds on live edges): n numbers for the same architectures in the same order.
    The same `seed` and n draw the same resamples for every column. `DataError` for bad vectors, `UsageError` for a
    negative number of resamples.
    """
    if resamples < 0:
        raise UsageError(f"the number of bootstrap resamples must be 0 or more, found {resamples}")
    pair = Pair.of(score, truth)
    count_A = None if flops is None else _checked_flops(flops, pair.n)
    summed = None if count_A is None else sum_with(pair, count_ranks(count_A))
    groups_A = np.full(pair.n, -1) if count_A is None else large_groups(count_A)
    within = within_of(pair, groups_A)
    measures = _measures(pair, summed, within, groups_A) if resamples else {}
    return Metrics(
        n=pair.n,
        kendall_tau=tau_of(pair),
        tau_within_flops=within.tau,
        tau_with_flops=None if summed is None else tau_of(summed),
        flops_groups={"groups": within.groups, "n": within.n},
        spearman=spearman_of(pair),
        pearson=pearson_of(pair),
        tau_in_true_top_10_percent=tau_in_top_of(pair, TOP_FRACTION),
        tau_in_predicted_top_10_percent=tau_of(pair.take(_top(pair, pair.by_score))),
        pairwise_accuracy={f"{margin:g}": pairwise_accuracy_of(pair, margin) for margin in MARGINS},
        precision_at={f"{fraction:g}": precision_of(pair, fraction) for fraction in FRACTIONS},
        precision_at_worst={f"{fraction:g}": precision_at_worst_of(pair, fraction) for fraction in FRACTIONS},
        best_rank_at={str(k): best_rank_of(pair, k) for k in KS},
        worst_rank_at={str(k): worst_rank_of(pair, k) for k in KS},
        top_k_accuracy={str(k): top_k_accuracy_of(pair, k) for k in KS},
        regret_at={str(k): regret_of(pair, k) for k in KS},
        n_distinct_scores=int(pair.score_code_A.max()) + 1,
        intervals=intervals_of(measures, pair.n, resamples=resamples, seed=seed),
        interval_method=_interval_method(resamples, seed),
    )


def _measures(
    pair: Pair, summed: Pair | None, within: TauWithin, groups_A: npt.NDArray[np.int64]
) -> dict[str, Callable[[Floats], Floats]]:
    """By dotted name what gives a metric from the weights of resamples, without those undefined in the full set."""
    measures: dict[str, Callable[[Floats], Floats]] = {}
    if not pair.undefined:
        measures["kendall_tau"] = ResampledTau(pair)
        measures["spearman"] = ResampledSpearman(pair)
        measures["pearson"] = ResampledPearson(pair)
    if within.tau is not None:
        measures["tau_within_flops"] = ResampledTauWithin(pair, groups_A)
    if summed is not None and not summed.undefined:
        measures["tau_with_flops"] = ResampledTau(summed)
    for name, order in (("true", pair.by_truth), ("predicted", pair.by_score)):
        rows = _top(pair, order)
        if not pair.take(rows).undefined:
            measures[f"tau_in_{name}_top_10_percent"] = ResampledTau(pair, rows)
    for margin in MARGINS:
        measures[f"pairwise_accuracy.{margin:g}"] = ResampledPairAccuracy(pair, margin)
    for fraction in FRACTIONS:
        measures[f"precision_at.{fraction:g}"] = ResampledPrecision(pair, fraction)
        measures[f"precision_at_worst.{fraction:g}"] = ResampledPrecisionAtWorst(pair, fraction)
    return measures


def _top(pair: Pair, order: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return order[: top_count(TOP_FRACTION, pair.n)]


def _checked_flops(flops: npt.ArrayLike, n: int) -> Floats:
    count_A = checked_vector(flops, "flops")
    if count_A.size != n:
        raise DataError(f"flops has {count_A.size} rows and score has {n}: give the multiply-adds of each architecture")
    return count_A


def _interval_method(resamples: int, seed: int) -> str:
    if resamples == 0:
        return "none"
    return (
        f"95 % percentile bootstrap over architectures, {resamples} resamples of n rows with replacement, seed {seed}; "
        "tau and rho of more than 128 rows to first order in the weights; tops and sums of ranks are those of the full "
        "set; training seeds are not resampled"
    )
