"""Everything the harness says about one column of scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from nasbench_harness.metrics.correlation import pearson_of, spearman_of, tau_in_top_of, tau_of
from nasbench_harness.metrics.pairs import Pair
from nasbench_harness.metrics.topk import best_rank_of, precision_of, regret_of, top_k_accuracy_of
from nasbench_harness.metrics.uncertainty import Interval, bootstrap

TOP_FRACTION = 0.1
FRACTIONS = (0.01, 0.05, 0.1)
KS = (1, 10, 100)


@dataclass(frozen=True)
class Metrics:
    """The metrics of one score column against one truth; definitions in `correlation` and `topk`.

    A correlation is None where it is undefined: constant scores (`n_distinct_scores` 1), constant truth, or a top 10 %
    of fewer than 2 rows. `intervals` is keyed by dotted name (`kendall_tau`, `regret_at.10`); a metric that is
    undefined in some resample has none. Accuracies and regrets are in the unit of the truth (percent).
    """

    n: int
    kendall_tau: float | None
    spearman: float | None
    pearson: float | None
    tau_in_true_top_10_percent: float | None
    precision_at: dict[str, float]
    best_rank_at: dict[str, int]
    top_k_accuracy: dict[str, float]
    regret_at: dict[str, float]
    n_distinct_scores: int
    intervals: dict[str, Interval]
    interval_method: str

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values under the names of the fields; undefined correlations are null, never NaN."""
        return {
            "n": self.n,
            "kendall_tau": self.kendall_tau,
            "spearman": self.spearman,
            "pearson": self.pearson,
            "tau_in_true_top_10_percent": self.tau_in_true_top_10_percent,
            "precision_at": dict(self.precision_at),
            "best_rank_at": dict(self.best_rank_at),
            "top_k_accuracy": dict(self.top_k_accuracy),
            "regret_at": dict(self.regret_at),
            "n_distinct_scores": self.n_distinct_scores,
            "intervals": {name: list(interval) for name, interval in self.intervals.items()},
            "interval_method": self.interval_method,
        }


def evaluate(score: npt.ArrayLike, truth: npt.ArrayLike, *, resamples: int = 200, seed: int = 0) -> Metrics:
    """All metrics of a score column, higher is better, with bootstrap intervals over architectures.

    `score` and `truth`: n numbers for the same architectures in the same order. The same `seed` and n draw the same
    resamples for every column. `DataError` for bad vectors, `UsageError` for a negative number of resamples.
    """
    pair = Pair.of(score, truth)
    intervals = bootstrap(pair, _numbers, resamples=resamples, seed=seed)
    return Metrics(
        n=pair.n,
        **_correlations(pair),
        precision_at={f"{fraction:g}": precision_of(pair, fraction) for fraction in FRACTIONS},
        best_rank_at={str(k): best_rank_of(pair, k) for k in KS},
        top_k_accuracy={str(k): top_k_accuracy_of(pair, k) for k in KS},
        regret_at={str(k): regret_of(pair, k) for k in KS},
        n_distinct_scores=int(pair.score_code_A.max()) + 1,
        intervals=intervals,
        interval_method=_interval_method(resamples, seed),
    )


def _correlations(pair: Pair) -> dict[str, float | None]:
    return {
        "kendall_tau": tau_of(pair),
        "spearman": spearman_of(pair),
        "pearson": pearson_of(pair),
        "tau_in_true_top_10_percent": tau_in_top_of(pair, TOP_FRACTION),
    }


def _numbers(pair: Pair) -> dict[str, float | None]:
    """Every metric under its dotted name."""
    numbers = _correlations(pair)
    numbers |= {f"precision_at.{fraction:g}": precision_of(pair, fraction) for fraction in FRACTIONS}
    for k in KS:
        numbers[f"best_rank_at.{k}"] = best_rank_of(pair, k)
        numbers[f"top_k_accuracy.{k}"] = top_k_accuracy_of(pair, k)
        numbers[f"regret_at.{k}"] = regret_of(pair, k)
    return numbers


def _interval_method(resamples: int, seed: int) -> str:
    if resamples == 0:
        return "none"
    return (
        f"95 % percentile bootstrap over architectures, {resamples} resamples of n rows with replacement, seed {seed}; "
        "best ranks and regrets are those within each resample; training seeds are not resampled"
    )
