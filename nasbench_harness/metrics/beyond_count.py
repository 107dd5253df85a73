"""What scores know beyond a count, such as multiply-adds, by which alone one already ranks well.

Two views: the ranking among architectures whose counts are equal, where the count says nothing, and the ranking by the
count and the scores together. Score and truth are vectors of n numbers, higher is better.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError
from nasbench_harness.metrics.correlation import mean_ranks, tau_of
from nasbench_harness.metrics.pairs import Floats, Pair, checked_vector

TAUS = ("kendall_tau", "tau_within_flops", "tau_with_flops")
"""By their names in records: tau-b, tau-b among equal live FLOPs, tau-b of the sum of ranks with live FLOPs."""

MIN_MEMBERS = 21
"""Members of the smallest group that has a tau of its own: fewer order too little."""


@dataclass(frozen=True)
class TauWithin:
    """Tau within groups: the mean weighted by pairs (None: no group has a tau), how many groups, and their members."""

    tau: float | None
    groups: int
    n: int

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"tau": self.tau, "groups": self.groups, "n": self.n}


def tau_within(
    score: npt.ArrayLike, truth: npt.ArrayLike, group: npt.ArrayLike, min_members: int = MIN_MEMBERS
) -> TauWithin:
    """Tau-b among rows of equal `group`, each group's tau weighted by its number of pairs, m (m - 1) / 2 of m rows.

    `group`: n numbers; equal numbers are one group. Groups of fewer than `min_members` rows are left out, and so are
    those in which scores or truth are constant, for their tau is undefined; `groups` and `n` say what is left. So a
    ranking by the count itself has no tau within groups of equal count. Raises `DataError` for bad vectors.
    """
    pair, group_A = Pair.of(score, truth), _beside(group, "group", score)
    return within_of(pair, large_groups(group_A, min_members))


def tau_with(score: npt.ArrayLike, truth: npt.ArrayLike, count: npt.ArrayLike) -> float | None:
    """Tau-b of the plain sum of two rankings, by score and by `count`; nothing is fitted.

    `count`: n numbers, more is better. Ranks are mean ranks: equal values share theirs. None where the scores are
    constant, as for every correlation: what is left would be the tau of the count, not of the scores; None too where
    truth or sum are constant. Raises `DataError` for bad vectors.
    """
    pair = Pair.of(score, truth)
    return tau_of_sum(pair, count_ranks(_beside(count, "count", score)))


def large_groups(group_A: npt.NDArray[Any], min_members: int = MIN_MEMBERS) -> npt.NDArray[np.int64]:
    """Number of the group of each row [n], from 0; -1 in groups of fewer than `min_members` rows."""
    _, number_A, count_G = np.unique(group_A, return_inverse=True, return_counts=True)
    large_G = count_G >= min_members
    new_G = np.where(large_G, np.cumsum(large_G) - 1, -1)
    return np.asarray(new_G[number_A], dtype=np.int64)


def count_ranks(count_A: npt.NDArray[Any]) -> Floats:
    """Mean rank of each count [n]."""
    return mean_ranks(np.unique(count_A, return_inverse=True)[1])


def within_of(pair: Pair, number_A: npt.NDArray[np.int64]) -> TauWithin:
    """`tau_within` with the groups numbered by `large_groups`."""
    total, pairs, groups, n = 0.0, 0, 0, 0
    order = np.argsort(number_A, kind="stable")
    bounds = np.searchsorted(number_A[order], np.arange(int(number_A.max()) + 2))
    for low, high in pairwise(bounds):
        tau = tau_of(pair.take(order[low:high])) if high - low > 1 else None
        if tau is not None:
            members = int(high - low)
            weight = members * (members - 1) // 2
            total, pairs, groups, n = total + weight * tau, pairs + weight, groups + 1, n + members
    return TauWithin(total / pairs if pairs else None, groups, n)


def tau_of_sum(pair: Pair, count_rank_A: Floats) -> float | None:
    """`tau_with` from the ranks of the counts."""
    summed = sum_with(pair, count_rank_A)
    return None if summed is None else tau_of(summed)


def sum_with(pair: Pair, count_rank_A: Floats) -> Pair | None:
    """The pair with the sum of both ranks as its score; None where the pair has no ranking to add."""
    return None if pair.undefined else Pair.of(mean_ranks(pair.score_code_A) + count_rank_A, pair.truth_A)


def _beside(values: npt.ArrayLike, name: str, score: npt.ArrayLike) -> Floats:
    value_A = checked_vector(values, name)
    if value_A.shape != np.shape(score):
        raise DataError(f"{name} has {value_A.size} rows and score has {np.size(score)}: give one {name} a score")
    return value_A
