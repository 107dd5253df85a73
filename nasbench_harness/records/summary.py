"""Numbers of several records put together: a mean with its interval, and the references that all records share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from nasbench_harness.errors import DataError
from nasbench_harness.metrics import seed_summary
from nasbench_harness.records.schema import Record, lookup, lookup_interval

_ANY = (-math.inf, math.inf)
_BOUNDS = {
    "kendall_tau": (-1.0, 1.0),
    "tau_within_flops": (-1.0, 1.0),
    "tau_with_flops": (-1.0, 1.0),
    "tau_in_true_top_10_percent": (-1.0, 1.0),
    "tau_in_predicted_top_10_percent": (-1.0, 1.0),
    "convolution_bias": (0.0, 1.0),
    "pairwise_accuracy": (0.0, 1.0),
    "spearman": (-1.0, 1.0),
    "pearson": (-1.0, 1.0),
    "precision_at": (0.0, 1.0),
    "precision_at_worst": (0.0, 1.0),
    "best_rank_at": (1.0, math.inf),
    "worst_rank_at": (1.0, math.inf),
    "top_k_accuracy": (0.0, 100.0),
    "regret_at": (0.0, 100.0),
}


@dataclass(frozen=True)
class Estimate:
    """A number with what is known of its error.

    ``n`` counts seeds. ``basis`` says what ``interval`` (95 %) spans: ``seeds`` a t-interval of the mean over seeds,
    ``architectures`` the bootstrap of a single seed, ``none`` where the records give no interval. ``values``: one a
    seed, in the order of the records.
    """

    mean: float
    sd: float | None
    n: int
    interval: tuple[float, float] | None
    basis: Literal["seeds", "architectures", "none"]
    values: tuple[float, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        interval = None if self.interval is None else list(self.interval)
        return {
            "mean": self.mean,
            "sd": self.sd,
            "n": self.n,
            "interval": interval,
            "basis": self.basis,
            "values": list(self.values),
        }


def estimate(records: Sequence[Record], metric: str, signal: str | None = None) -> Estimate | None:
    """``metric`` (dotted, such as ``regret_at.10``) of one strategy over its seeds; None if undefined for a seed.

    ``signal`` None takes each record's headline. Raises ``DataError`` naming a record that lacks the metric.
    """
    found = values_of(records, metric, signal)
    values = [value for value in found if value is not None]
    if len(values) < len(found):
        return None
    if len(values) == 1:
        return single(records[0].column(signal), metric)
    return over_seeds(values, _BOUNDS.get(metric.partition(".")[0], _ANY))


def values_of(records: Sequence[Record], metric: str, signal: str | None = None) -> list[float | None]:
    """``metric`` of each record, None where it is undefined. Raises ``DataError`` naming a record that lacks it."""
    values: list[float | None] = []
    for record in records:
        try:
            values.append(lookup(record.column(signal), metric))
        except DataError as error:
            raise DataError(f"{record.strategy}, seed {record.seed}: {error}; run the unit again") from error
    return values


def estimate_columns(columns: Sequence[dict[str, Any]], metric: str) -> Estimate | None:
    """``metric`` of evaluated columns that belong to no record, one a seed; None if it is undefined for one of them."""
    if len(columns) == 1:
        return single(columns[0], metric)
    values = [value for column in columns if (value := lookup(column, metric)) is not None]
    return over_seeds(values, _BOUNDS.get(metric.partition(".")[0], _ANY)) if len(values) == len(columns) else None


def single(column: dict[str, Any], metric: str) -> Estimate | None:
    """``metric`` of one evaluated column, with the interval over architectures that was stored beside it."""
    value = lookup(column, metric)
    if value is None:
        return None
    interval = lookup_interval(column, metric)
    return Estimate(value, None, 1, interval, "none" if interval is None else "architectures", (value,))


def over_seeds(values: Sequence[float], bounds: tuple[float, float] = _ANY) -> Estimate:
    """Mean, sd and t-interval of one value a seed; the interval ends where the quantity does (``bounds``)."""
    if len(values) == 1:
        return Estimate(float(values[0]), None, 1, None, "none", (float(values[0]),))
    summary = seed_summary(values)
    assert summary.interval is not None
    low, high = summary.interval
    interval = (max(low, bounds[0]), min(high, bounds[1]))
    return Estimate(summary.mean, summary.sd, summary.n, interval, "seeds", tuple(map(float, values)))


def noise_ceiling(record: Record) -> dict[str, Any] | None:
    """Agreement of two measurements of the truth as stored; None where the table has only one.

    Key ``kendall_tau``; ``proxy_for`` is there when it was measured on another column than the truth's.
    """
    ceiling = record.truth["noise_ceiling"]
    if ceiling is None or ceiling.get("kendall_tau") is None:
        return None
    return dict(ceiling)


def sample_of(record: Record) -> int | None:
    """How many architectures the experiment drew to be ranked; None where it ranks all."""
    scoring = record.experiment.get("scoring")
    count = scoring.get("architectures") if isinstance(scoring, dict) else None
    return count if isinstance(count, int) else None
