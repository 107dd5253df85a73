"""Pareto ranks, fronts and hypervolumes of points whose every coordinate is to be small; by moocore.

A point dominates another when it is nowhere larger and somewhere smaller; equal points do not dominate each other.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def nondominated_ranks(values_NK: npt.ArrayLike) -> IntArray:
    """Non-domination rank of each point, int64 ``[N]``: 1 on the Pareto front, 2 on the front of the rest, and so on.

    ``values_NK``: float ``[N, K]``, smaller is better; equal points share a rank. Raises ``DataError`` for a number
    that is not finite.
    """
    from moocore import pareto_rank

    return np.asarray(pareto_rank(_checked(values_NK)), dtype=np.int64) + 1


def pareto_front(values_NK: npt.ArrayLike) -> IntArray:
    """Rows of the points that no other dominates, sorted by the first coordinate (then the next); equal points all.

    Int64 ``[n]`` for float ``[N, K]``, smaller is better. Raises ``DataError`` for a number that is not finite.
    """
    from moocore import is_nondominated

    points_NK = _checked(values_NK)
    front = np.flatnonzero(is_nondominated(points_NK, keep_weakly=True))
    return front[np.lexsort(points_NK[front].T[::-1])]


def hypervolume(values_NK: npt.ArrayLike, reference_K: npt.ArrayLike) -> float:
    """Volume between the points and the reference (the worst corner); points beyond it add nothing."""
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
