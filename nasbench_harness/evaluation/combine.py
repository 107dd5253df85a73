"""Several rankings made one, without looking at any truth: functions of ranks and weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def ranks(score_A: npt.ArrayLike) -> FloatArray:
    """Rank of every architecture, 1 for the lowest of n; equal scores share their mean rank."""
    from scipy.stats import rankdata

    rank_A: FloatArray = rankdata(np.asarray(score_A), method="average")
    return rank_A


def rank_sum(rank_SA: FloatArray, weight_S: FloatArray) -> FloatArray:
    """Weighted sum of ranks (Borda count)."""
    return np.asarray(weight_S @ rank_SA, dtype=np.float64)


def rank_product(rank_SA: FloatArray, weight_S: FloatArray) -> FloatArray:
    """Weighted sum of the logarithms of ranks, as in AZ-NAS: one low rank is not made up for by the others."""
    return np.asarray(weight_S @ np.log(rank_SA / rank_SA.shape[1]), dtype=np.float64)


def rank_median(rank_SA: FloatArray, weight_S: FloatArray) -> FloatArray:
    """Weighted median of ranks; between two middle ranks their mean. One member that errs does not matter."""
    order_SA = np.argsort(rank_SA, axis=0, kind="stable")
    sorted_SA = np.take_along_axis(rank_SA, order_SA, axis=0)
    below_SA = np.cumsum(weight_S[order_SA], axis=0)
    half = weight_S.sum() / 2
    low_A = np.argmax(below_SA >= half * (1 - 1e-12), axis=0)
    high_A = np.argmax(below_SA > half * (1 + 1e-12), axis=0)
    columns = np.arange(rank_SA.shape[1])
    return np.asarray((sorted_SA[low_A, columns] + sorted_SA[high_A, columns]) / 2, dtype=np.float64)


def normal_scores(rank_SA: FloatArray, weight_S: FloatArray) -> FloatArray:
    """Weighted sum of normal scores (van der Waerden): ranks as quantiles of a normal distribution, so both ends count
    for more than the middle.
    """
    from scipy.special import ndtri

    return np.asarray(weight_S @ ndtri((rank_SA - 0.5) / rank_SA.shape[1]), dtype=np.float64)


RULES: dict[str, Callable[[FloatArray, FloatArray], FloatArray]] = {
    "rank-sum": rank_sum,
    "rank-product": rank_product,
    "rank-median": rank_median,
    "normal-scores": normal_scores,
}
"""Name -> function of ranks ``[S, n]`` and weights ``[S]`` that gives a score ``[n]``, higher is better."""
