"""Intervals over seeds by Student's t; those over architectures are in `resampling`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nasbench_harness.errors import DataError
from nasbench_harness.metrics.pairs import checked_vector

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
