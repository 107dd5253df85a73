"""Pareto ranks, fronts and hypervolumes of points whose every coordinate is to be small. Needs numpy only.

A point dominates another when it is nowhere larger and somewhere smaller; equal points do not dominate each other.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def fast_nondominated_ranks(values_NK: npt.ArrayLike) -> IntArray:
    """Non-domination rank of each point, int64 ``[N]``: 1 on the Pareto front, 2 on the front of the rest, and so on.

    ``values_NK``: float ``[N, K]``, smaller is better. Holds N x N bytes; for a front alone use ``pareto_front``.
    Source: Deb et al., NSGA-II (2002), fast non-dominated sort. Raises ``DataError`` for a number that is not finite.
    """
    points_NK = _checked(values_NK)
    n = len(points_NK)
    no_larger_NN = np.ones((n, n), dtype=np.bool_)
    smaller_NN = np.zeros((n, n), dtype=np.bool_)
    for value_N in points_NK.T:
        no_larger_NN &= value_N[:, None] <= value_N
        smaller_NN |= value_N[:, None] < value_N
    dominates_NN = no_larger_NN & smaller_NN
    dominators_N = dominates_NN.sum(axis=0)
    rank_N = np.zeros(n, dtype=np.int64)
    rank = 0
    while (front := np.flatnonzero((dominators_N == 0) & (rank_N == 0))).size:
        rank += 1
        rank_N[front] = rank
        dominators_N -= dominates_NN[front].sum(axis=0)
    return rank_N


def pareto_front(values_NK: npt.ArrayLike) -> IntArray:
    """Rows of the points that no other dominates, sorted by the first coordinate (then the next); equal points all."""
    points_NK = _checked(values_NK)
    left = np.lexsort(points_NK.T[::-1])
    front: list[int] = []
    # in this order nothing dominates the first of what is left, and each kept point sweeps away what it dominates
    while left.size:
        point_K, rest_NK = points_NK[left[0]], points_NK[left[1:]]
        front.append(int(left[0]))
        left = left[1:][(rest_NK < point_K).any(axis=1) | (rest_NK == point_K).all(axis=1)]
    return np.asarray(front, dtype=np.int64)


def hypervolume(values_NK: npt.ArrayLike, reference_K: npt.ArrayLike) -> float:
    """Volume between the points and the reference (the worst corner); points beyond it add nothing; by moocore."""
    points_NK, reference = _checked(values_NK), np.asarray(reference_K, dtype=np.float64)
    inside_NK = points_NK[(points_NK < reference).all(axis=1)]
    if not len(inside_NK):
        return 0.0
    from moocore import hypervolume as volume

    return float(volume(inside_NK, ref=reference))


def _checked(values_NK: npt.ArrayLike) -> FloatArray:
    points_NK = np.asarray(values_NK, dtype=np.float64)
    if points_NK.ndim != 2 or not np.isfinite(points_NK).all():
        raise DataError(
            f"points of a Pareto front are finite numbers [n, objectives], found shape {points_NK.shape} with "
            f"{int((~np.isfinite(points_NK)).sum())} that are not; leave those architectures out"
        )
    return points_NK
