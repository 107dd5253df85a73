"""Rank and linear correlation of scores with the truth; all metrics are listed in docs/protocol.md.

Every function takes two vectors of n numbers, higher is better, and returns None where the correlation is undefined:
when the scores or the truth are constant (nothing is ordered) or fewer than 2 rows are left. Bad input: `DataError`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.metrics.pairs import Floats, Pair, top_count


def kendall_tau(score: npt.ArrayLike, truth: npt.ArrayLike) -> float | None:
    """Kendall's tau-b: ties on either side count neither for nor against and leave the normalisation."""
    return tau_of(Pair.of(score, truth))


def spearman(score: npt.ArrayLike, truth: npt.ArrayLike) -> float | None:
    """Spearman's rho: Pearson's r of the ranks, equal values sharing their mean rank."""
    return spearman_of(Pair.of(score, truth))


def pearson(score: npt.ArrayLike, truth: npt.ArrayLike) -> float | None:
    """Pearson's r. On the whole space the 341 architectures at chance dominate it."""
    return pearson_of(Pair.of(score, truth))


def tau_in_true_top(score: npt.ArrayLike, truth: npt.ArrayLike, fraction: float = 0.1) -> float | None:
    """Tau-b among the truly best floor(fraction * n) rows; None below 2 rows.

    Some codes choose the rows by score instead, which gives other values. Rows of equal truth at the
    border are taken in row order. Raises `UsageError` unless 0 < fraction <= 1.
    """
    return tau_in_top_of(Pair.of(score, truth), fraction)


def tau_in_predicted_top(score: npt.ArrayLike, truth: npt.ArrayLike, fraction: float = 0.1) -> float | None:
    """Tau-b among the best floor(fraction * n) rows by score, as in aw_nas: what a search that trusts the scores sees.

    Rows of equal score at the border are taken in row order. Raises `UsageError` unless 0 < fraction <= 1.
    """
    pair = Pair.of(score, truth)
    return tau_of(pair.take(pair.by_score[: top_count(fraction, pair.n)]))


def tau_of(pair: Pair) -> float | None:
    if pair.undefined:
        return None
    from scipy.stats import kendalltau

    return float(kendalltau(pair.score_code_A, pair.truth_code_A).statistic)


def spearman_of(pair: Pair) -> float | None:
    if pair.undefined:
        return None
    return _linear(mean_ranks(pair.score_code_A), mean_ranks(pair.truth_code_A))


def pearson_of(pair: Pair) -> float | None:
    return None if pair.undefined else _linear(pair.score_A, pair.truth_A)


def tau_in_top_of(pair: Pair, fraction: float) -> float | None:
    return tau_of(pair.take(pair.by_truth[: top_count(fraction, pair.n)]))


def mean_ranks(code_A: npt.NDArray[Any]) -> Floats:
    """Rank of every row from 1 for the lowest code, equal codes sharing their mean rank."""
    count_C = np.bincount(code_A)
    return np.asarray((np.cumsum(count_C) - (count_C - 1) / 2)[code_A], dtype=np.float64)


def _linear(first_A: Floats, second_A: Floats) -> float | None:
    first_A, second_A = _centred(first_A), _centred(second_A)
    norm = np.sqrt(_dot(first_A, first_A)) * np.sqrt(_dot(second_A, second_A))
    # Values that differ by less than the rounding of their mean carry no linear information.
    return None if norm == 0 else float(np.clip(_dot(first_A, second_A) / norm, -1.0, 1.0))


def _dot(first_A: Floats, second_A: Floats) -> float:
    """Sum of products without BLAS, whose threads stall for milliseconds a call on a machine busy with training."""
    return float(np.einsum("i,i->", first_A, second_A))


def _centred(value_A: Floats) -> Floats:
    """Deviations from the mean, scaled to at most 1 so that squares neither overflow nor vanish."""
    scaled_A = value_A / np.abs(value_A).max()
    deviation_A = scaled_A - scaled_A.mean()
    largest = np.abs(deviation_A).max()
    return np.asarray(deviation_A / largest if largest > 0 else deviation_A, dtype=np.float64)
