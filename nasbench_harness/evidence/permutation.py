"""An exact test that assumes no distribution: all ways to deal the seeds to the two sides."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import comb

import numpy as np

FEWEST_SEEDS = 5
"""On each side. With 5 and 5 the smallest p is 1/252; with 3 and 3 it is 1/20, which can never stand a correction."""
MOST_DEALS = 100_000


def permutation_p(candidate: Sequence[float], baseline: Sequence[float]) -> float | None:
    """One-sided p that the candidate's mean is so low by chance; None with fewer than ``FEWEST_SEEDS`` on a side.

    Beyond ``MOST_DEALS`` ways to deal the seeds, 20,000 of them are drawn, the same every time, and the observed one
    is counted among them.
    """
    n, m = len(candidate), len(baseline)
    if min(n, m) < FEWEST_SEEDS:
        return None
    value_S = np.array([*candidate, *baseline], float)
    if comb(n + m, n) <= MOST_DEALS:
        sums = value_S[np.array(list(combinations(range(n + m), n)))].sum(1)
    else:
        rng = np.random.default_rng(0)
        sums = rng.permuted(np.tile(value_S, (20_000, 1)), axis=1)[:, :n].sum(1)
        sums[0] = value_S[:n].sum()
    # equal sums may differ in their last bit, by the order of adding
    return float((sums <= value_S[:n].sum() + 1e-12).mean())
