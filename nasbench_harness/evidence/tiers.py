"""Which strategies of a table can be told apart, and the ranks that this leaves open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from nasbench_harness.evidence.holm import holm
from nasbench_harness.evidence.sample import Sample, prior_of, sample_difference

LEVEL = 0.05


@dataclass(frozen=True)
class Place:
    """``tier``: 1 is the best. ``ranks``: the first and the last rank that the comparisons leave open, 1 the best."""

    tier: int
    ranks: tuple[int, int]


def places(samples: Sequence[Sample]) -> dict[str, Place]:
    """The place of each strategy with two seeds or more; empty where fewer than two have them.

    All pairs are compared, two-sided, with Holm's correction at ``LEVEL``. A tier is its best strategy and those that
    cannot be told from it; a rank is open where neither a proven better nor a proven worse strategy stands. With a
    chance of 95 % no two strategies of equal means are called different anywhere in the table.
    """
    ranked = sorted((sample for sample in samples if sample.n > 1), key=lambda one: (-one.value_S.mean(), one.strategy))
    n = len(ranked)
    if n < 2:
        return {}
    prior = prior_of(ranked)
    pairs = list(combinations(range(n), 2))
    p = [float(sample_difference(ranked[better], ranked[worse], prior).p_above()) for better, worse in pairs]
    told_apart = np.zeros((n, n), bool)
    for (better, worse), corrected in zip(pairs, holm(2 * np.minimum(p, 0.5)).tolist(), strict=True):
        told_apart[better, worse] = corrected < LEVEL
    tier_of = _tiers(told_apart)
    return {
        sample.strategy: Place(tier_of[row], (1 + int(told_apart[:, row].sum()), n - int(told_apart[row].sum())))
        for row, sample in enumerate(ranked)
    }


def _tiers(told_apart: np.ndarray[tuple[int, int], np.dtype[np.bool_]]) -> dict[int, int]:
    """Rows, best first, into tiers: each time the best that has none, with all that cannot be told from it."""
    tier_of: dict[int, int] = {}
    waiting = list(range(len(told_apart)))
    tier = 0
    while waiting:
        tier += 1
        best = waiting[0]
        tier_of |= {row: tier for row in waiting if not told_apart[best, row]}
        waiting = [row for row in waiting if row not in tier_of]
    return tier_of
