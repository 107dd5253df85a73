"""Pairs that scores order as the truth does, counted for every row in O(n log n), without a matrix of pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import UsageError
from nasbench_harness.metrics.pairs import Pair

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PairCounts:
    """Pairs that each of n rows takes part in, int64 [n] each; a sum over the rows counts every pair twice.

    ``balance_A``: pairs in the same order by score and by truth, minus pairs in opposite orders. ``by_score_A``: pairs
    that the score orders at all. ``by_truth_A``: pairs whose truths differ (by more than the margin, where there is
    one; then ``balance_A`` is of these pairs alone).
    """

    balance_A: Ints
    by_score_A: Ints
    by_truth_A: Ints


def pairwise_accuracy(score: npt.ArrayLike, truth: npt.ArrayLike, margin: float = 0.0) -> float | None:
    """Share of the pairs whose truths differ by more than `margin` that the score orders rightly.

    `margin` is in the unit of the truth. Equal scores count one half, as a coin would. None where no two truths differ
    by that much. Raises `UsageError` for a margin below 0, `DataError` for bad vectors.
    """
    if not margin >= 0:
        raise UsageError(f"a margin between two truths must be 0 or more, found {margin}")
    return pairwise_accuracy_of(Pair.of(score, truth), margin)


def pairwise_accuracy_of(pair: Pair, margin: float) -> float | None:
    counts = count_pairs(pair, margin)
    total = int(counts.by_truth_A.sum())
    return (1 + int(counts.balance_A.sum()) / total) / 2 if total else None


def count_pairs(pair: Pair, margin: float = 0.0) -> PairCounts:
    """The pairs of every row; with a `margin` only those whose truths differ by more than that."""
    order = pair.by_truth[::-1]
    truth_A, score_A = pair.truth_A[order], np.asarray(pair.score_code_A[order], dtype=np.int64)
    n = pair.n
    # rows 0..worse are truly worse than a row by more than the margin, rows better.. are truly better
    worse_A = np.searchsorted(truth_A, truth_A - margin, side="left")
    better_A = np.searchsorted(truth_A, truth_A + margin, side="right")
    at_or_below_C = np.cumsum(np.bincount(score_A))
    equal_A = np.bincount(score_A)[score_A]
    below_A = at_or_below_C[score_A] - equal_A
    prefix = np.concatenate([worse_A, worse_A, better_A, better_A])
    bound = np.concatenate([score_A, score_A + 1] * 2)
    low_A, high_A, low_to_better_A, high_to_better_A = np.split(_count_below(score_A, prefix, bound), 4)
    truly_better_scored_below_A = below_A - low_to_better_A
    truly_better_scored_above_A = (n - better_A) - (below_A + equal_A - high_to_better_A)
    balance_A = (low_A - (worse_A - high_A)) + (truly_better_scored_above_A - truly_better_scored_below_A)
    counts = (balance_A, n - equal_A, worse_A + n - better_A)
    back = np.argsort(order, kind="stable")
    return PairCounts(*(np.asarray(values[back], dtype=np.int64) for values in counts))


def _count_below(code_A: Ints, prefix_Q: Ints, bound_Q: Ints) -> Ints:
    """For every query how many of the first `prefix` codes (0 or more) are below `bound`: a wavelet matrix."""
    start_Q, end_Q = np.zeros_like(prefix_Q), prefix_Q.copy()
    below_Q = np.zeros_like(prefix_Q)
    for bit in reversed(range(int(max(code_A.max(), bound_Q.max())).bit_length())):
        one_A = (code_A >> bit) & 1
        ones_A = np.concatenate([[0], np.cumsum(one_A)])
        one_Q = ((bound_Q >> bit) & 1).astype(np.bool_)
        start_one_Q, end_one_Q = ones_A[start_Q], ones_A[end_Q]
        below_Q += np.where(one_Q, (end_Q - end_one_Q) - (start_Q - start_one_Q), 0)
        zeros = code_A.size - int(ones_A[-1])
        start_Q = np.where(one_Q, zeros + start_one_Q, start_Q - start_one_Q)
        end_Q = np.where(one_Q, zeros + end_one_Q, end_Q - end_one_Q)
        code_A = np.concatenate([code_A[one_A == 0], code_A[one_A == 1]])
    return below_Q


def pair_signs(code_A: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """1, 0 or -1 for every two of n rows, float64 [n, n]: the direct way, for few rows."""
    return np.asarray(np.sign(code_A[:, None].astype(np.float64) - code_A[None, :]))
