"""How well a truth table agrees with itself: no score can be expected to do better."""

from __future__ import annotations

import math

import numpy.typing as npt

from nasbench_harness.metrics.correlation import pearson_of, spearman_of, tau_of
from nasbench_harness.metrics.pairs import Pair


def noise_ceiling(first: npt.ArrayLike, second: npt.ArrayLike) -> dict[str, int | float | None]:
    """Agreement of two independent measurements of the same truth over n architectures, as plain JSON values.

    - `n`, `kendall_tau` (tau-b), `spearman`, `pearson`: between the two measurements;
    - `reliability_of_mean`: Pearson's r stepped up by Spearman and Brown, 2r / (1 + r). If the two are means over the
      two halves of the seeds, it is the share of the variance of the mean over all seeds that is not noise;
    - `kendall_tau_of_mean`: the same step for tau, taken on r = sin(pi tau / 2) and turned back, which is exact for
      normal data: the tau to expect between the mean over all seeds and another mean of as many seeds.

    The two must not share seeds: a mean that contains the other measurement agrees with it too well. The stepped-up
    values are None where the measurements do not agree at all (r <= 0), and all are None where one is constant.
    Bad input is a `DataError`.
    """
    pair = Pair.of(first, second)
    tau, linear = tau_of(pair), pearson_of(pair)
    stepped = None if tau is None else _stepped_up(math.sin(math.pi * tau / 2))
    return {
        "n": pair.n,
        "kendall_tau": tau,
        "spearman": spearman_of(pair),
        "pearson": linear,
        "reliability_of_mean": None if linear is None else _stepped_up(linear),
        "kendall_tau_of_mean": None if stepped is None else 2 / math.pi * math.asin(stepped),
    }


def _stepped_up(correlation: float) -> float | None:
    """Spearman-Brown for twice the length, None for a correlation of 0 or less."""
    return min(1.0, 2 * correlation / (1 + correlation)) if correlation > 0 else None
