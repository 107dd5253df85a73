"""Intervals: over architectures by the bootstrap, over seeds by Student's t."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.metrics.pairs import Pair, checked_vector

LEVEL = 0.95
Interval = tuple[float, float]


@dataclass(frozen=True)
class SeedSummary:
    """One number over n seeds: mean, sample standard deviation (n - 1) and the 95 % t-interval of the mean.

    `sd` and `interval` are None for a single seed: one value says nothing of its spread.
    """

    mean: float
    sd: float | None
    n: int
    interval: Interval | None

    def to_json(self) -> dict[str, float | int | list[float] | None]:
        """Plain JSON values."""
        interval = None if self.interval is None else list(self.interval)
        return {"mean": self.mean, "sd": self.sd, "n": self.n, "interval": interval}


def seed_summary(values: Sequence[float]) -> SeedSummary:
    """Summary of one value a seed; `DataError` for no value or one that is not finite.

    The interval is mean +- t * sd / sqrt(n) with Student's t of n - 1 degrees of freedom.
    """
    value_S = checked_vector(values, "value of a seed")
    n = int(value_S.size)
    if n == 0:
        raise DataError("a summary over seeds needs at least one value, found none")
    mean = float(value_S.mean())
    if n == 1:
        return SeedSummary(mean, None, 1, None)
    from scipy.special import stdtrit

    sd = float(value_S.std(ddof=1))
    half = float(stdtrit(n - 1, (1 + LEVEL) / 2)) * sd / math.sqrt(n)
    return SeedSummary(mean, sd, n, (mean - half, mean + half))


def bootstrap(
    pair: Pair, measure: Callable[[Pair], Mapping[str, float | None]], *, resamples: int, seed: int
) -> dict[str, Interval]:
    """95 % percentile interval of every number that `measure` gives, over resampled architectures.

    Each resample draws n rows with replacement and keeps row order, so ties are broken as in the full set. A name that
    is None in any resample gets no interval. `resamples=0` gives none at all; a negative number is a `UsageError`.
    """
    if resamples < 0:
        raise UsageError(f"the number of bootstrap resamples must be 0 or more, found {resamples}")
    rng = np.random.default_rng(seed)
    found: dict[str, list[float | None]] = {}
    for _ in range(resamples):
        rows = np.sort(rng.integers(pair.n, size=pair.n))
        for name, value in measure(pair.take(rows)).items():
            found.setdefault(name, []).append(value)
    return {name: _percentiles(values) for name, values in found.items() if None not in values}


def _percentiles(values: Sequence[float | None]) -> Interval:
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(np.array(values, dtype=np.float64), [tail, 1 - tail])
    return float(low), float(high)
