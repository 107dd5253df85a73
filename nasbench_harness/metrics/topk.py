"""What one gets by trusting the k best scores.

Score and truth are vectors of n numbers, higher is better. Equal scores are taken in row order, as are equal truths in
the true ranking; the choice is fixed and never looks at the truth. A k above n takes all rows. k below 1 is a
`UsageError`, bad vectors are a `DataError`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import UsageError
from nasbench_harness.metrics.pairs import Pair, top_count

CURVE_KS = (1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 300, 500, 1000, 2000, 3000, 5000, 10000)


def precision_at(score: npt.ArrayLike, truth: npt.ArrayLike, fraction: float) -> float:
    """Share of the k best by score that are among the k truly best, k = floor(fraction * n), at least 1 [C aw_nas]."""
    return precision_of(Pair.of(score, truth), fraction)


def best_rank_at(score: npt.ArrayLike, truth: npt.ArrayLike, k: int) -> int:
    """Best true rank (1 = best, up to n) among the k best by score: BR@k."""
    return best_rank_of(Pair.of(score, truth), k)


def worst_rank_at(score: npt.ArrayLike, truth: npt.ArrayLike, k: int) -> int:
    """Worst true rank (1 = best, up to n) among the k best by score: WR@k."""
    return worst_rank_of(Pair.of(score, truth), k)


def precision_at_worst(score: npt.ArrayLike, truth: npt.ArrayLike, fraction: float) -> float:
    """Share of the k worst by score whose truth is no better than the k-th worst truth, k = floor(fraction * n).

    Equal truths at the border all count: of the architectures at chance none is worse than the others.
    """
    return precision_at_worst_of(Pair.of(score, truth), fraction)


def top_k_accuracy(score: npt.ArrayLike, truth: npt.ArrayLike, k: int) -> float:
    """Best truth among the k best by score, in the unit of the truth."""
    return top_k_accuracy_of(Pair.of(score, truth), k)


def regret_at(score: npt.ArrayLike, truth: npt.ArrayLike, k: int) -> float:
    """Best truth of all rows minus the best among the k best by score, in the unit of the truth; 0 is perfect."""
    return regret_of(Pair.of(score, truth), k)


def top_k_curve(score: npt.ArrayLike, truth: npt.ArrayLike, ks: Sequence[int] = CURVE_KS) -> dict[str, list[float]]:
    """`top_k_accuracy` at every k of `ks` that is at most n: {"k": [integers], "accuracy": [...]}, plain JSON."""
    pair = Pair.of(score, truth)
    kept = [int(k) for k in ks if _checked(k) <= pair.n]
    best_so_far_A = np.maximum.accumulate(pair.truth_A[pair.by_score])
    return {"k": [*kept], "accuracy": [float(best_so_far_A[k - 1]) for k in kept]}


def precision_of(pair: Pair, fraction: float) -> float:
    k = top_count(fraction, pair.n)
    truly_best_A = np.zeros(pair.n, dtype=np.bool_)
    truly_best_A[pair.by_truth[:k]] = True
    return int(truly_best_A[pair.by_score[:k]].sum()) / k


def precision_at_worst_of(pair: Pair, fraction: float) -> float:
    k = top_count(fraction, pair.n)
    worst_by_score = np.argsort(pair.score_code_A, kind="stable")[:k]
    last = np.partition(pair.truth_code_A, k - 1)[k - 1]
    return float((pair.truth_code_A[worst_by_score] <= last).mean())


def worst_rank_of(pair: Pair, k: int) -> int:
    chosen_A = np.zeros(pair.n, dtype=np.bool_)
    chosen_A[pair.by_score[: _checked(k)]] = True
    return pair.n - int(np.argmax(chosen_A[pair.by_truth[::-1]]))


def best_rank_of(pair: Pair, k: int) -> int:
    chosen_A = np.zeros(pair.n, dtype=np.bool_)
    chosen_A[pair.by_score[: _checked(k)]] = True
    return int(np.argmax(chosen_A[pair.by_truth])) + 1


def top_k_accuracy_of(pair: Pair, k: int) -> float:
    return float(pair.truth_A[pair.by_score[: _checked(k)]].max())


def regret_of(pair: Pair, k: int) -> float:
    return float(pair.truth_A.max()) - top_k_accuracy_of(pair, k)


def _checked(k: int) -> int:
    if k < 1:
        raise UsageError(f"k counts architectures and must be at least 1, found {k}: pass a positive integer")
    return k
