"""A sample of the space that stands for all of it: drawn by strata, the same wherever it is asked for."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import UsageError
from nasbench_harness.space.architecture import N_ARCHITECTURES
from nasbench_harness.space.counts import flops

SMALLEST_SAMPLE = 2
"""Architectures below which there is nothing to rank."""


def stratified_draw(stratum_N: npt.ArrayLike, count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Positions of ``count`` of N rows, ascending, int64 ``[count]``; ``stratum_N`` says where each row belongs.

    Every stratum gets its share of the draw to within one row (largest remainders), so a stratum that deserves one row
    or more has one, and a plain statistic of the rows estimates that of all N. Raises ``UsageError`` for a count
    outside 0 to N.
    """
    kinds, number_N, size_S = np.unique(np.asarray(stratum_N), return_inverse=True, return_counts=True)
    total = len(number_N)
    if not 0 <= count <= total:
        raise UsageError(f"a draw of {count} rows of {total}: give a number from 0 to {total}")
    share_S, remainder_S = np.divmod(size_S * count, max(total, 1))
    # of equal remainders that of the larger stratum, then the one whose value comes first
    order_S = np.lexsort((np.arange(len(kinds)), -size_S, -remainder_S))
    share_S[order_S[: count - int(share_S.sum())]] += 1
    drawn = [rng.permutation(np.flatnonzero(number_N == s))[:share] for s, share in enumerate(share_S.tolist())]
    return np.sort(np.concatenate([np.empty(0, dtype=np.int64), *drawn]))


def sample_of_space(count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Our indices of ``count`` architectures, ascending, stratified by multiply-adds on live edges, int64 ``[count]``.

    By those on live edges, because they are what scores and truth follow most: the sample then ranks by them as the
    whole space does, which a plain count, with its dead edges, would not ensure. There are 28 strata, whatever the
    width and depth of the network. Raises ``UsageError`` for fewer than 2 or more than 15,625.
    """
    if not SMALLEST_SAMPLE <= count <= N_ARCHITECTURES:
        raise UsageError(
            f"a sample of {count} architectures: give a number from {SMALLEST_SAMPLE} to {N_ARCHITECTURES}"
        )
    return stratified_draw(flops(live=True), count, rng)
