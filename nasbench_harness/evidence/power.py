"""How likely a true loss is to be found, and how many seeds would decide what is undecided."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nasbench_harness.evidence.prior import Prior

_GRID = (np.arange(400) + 0.5) / 400
CHANCE = 0.8
"""Chance of a decision that ``further_seeds`` asks for."""
MOST_SEEDS = 200


@dataclass(frozen=True)
class Further:
    """Seeds to add on each side."""

    candidate: int
    baseline: int

    def __str__(self) -> str:
        text = f"{self.candidate} more"
        return text if not self.baseline else f"{text}, and {self.baseline} more of the baseline"


def power(effect: float, seeds: int, baseline_seeds: int, spread: Prior, test: Prior, level: float = 0.05) -> float:
    """Chance that a loss of ``effect`` gives an interval below 0, or that equal means give one above ``-effect``.

    ``spread``: what the deviations of strategies are drawn from, with ``degrees`` above 0; ``test``: the prior that the
    test knows. Integrated over both the deviation and its estimate, on a grid of quantiles.
    """
    from scipy.special import chdtri, ndtr, stdtrit

    own = seeds + baseline_seeds - 2
    sigma = np.full(1, spread.sd)
    if math.isfinite(spread.degrees):
        sigma = np.sqrt(spread.degrees * spread.sd**2 / chdtri(spread.degrees, _GRID))
    sample = sigma[:, None] ** 2 * chdtri(own, _GRID)[None] / own
    variance, degrees = test.squeeze(sample, np.full(sample.shape, float(own)))
    scale = math.sqrt(1 / seeds + 1 / baseline_seeds)
    threshold = stdtrit(degrees, 1 - level) * np.sqrt(variance) * scale
    return float(ndtr((effect - threshold) / (sigma[:, None] * scale)).mean())


def further_seeds(
    distance: float, sd: float, degrees: float, seeds: tuple[int, int], level: float, fewest: int = 1
) -> Further | None:
    """Seeds to add until an interval is likely to end within ``distance`` of the estimate, if mean and sd stay.

    ``sd`` and ``degrees`` are those of the test now, ``seeds`` those of candidate and baseline, ``fewest`` what the
    candidate needs anyhow. The candidate's alone where that is enough, else both sides grow to one number; None beyond
    ``MOST_SEEDS``.
    """
    from scipy.special import nctdtr, stdtrit

    now, beside = seeds

    def decides(n: int, m: int) -> bool:
        df = degrees + n + m - now - beside
        error = sd * math.sqrt(1 / n + 1 / m)
        if error == 0:
            return True
        return bool(nctdtr(df, distance / error, stdtrit(df, 1 - level)) <= 1 - CHANCE)

    start = max(now + 1, fewest)
    for n in range(start, 4 * max(start, beside) + 1):
        if decides(n, beside):
            return Further(n - now, 0)
    for n in range(start, MOST_SEEDS + 1):
        if n >= beside and decides(n, n):
            return Further(n - now, n - beside)
    return None
