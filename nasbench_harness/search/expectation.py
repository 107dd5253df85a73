"""What accuracy a score promises: that of the architectures of nearly the same score whose truth is known."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import ceil, floor

import numpy as np
import numpy.typing as npt

NEAREST = 100
"""Architectures that an expectation rests on: 90 % of a hundred leave five at either end."""
LEAST = 20
"""Fewer have no 5th and 95th percentile."""

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Expectation:
    """``mean`` true accuracy of ``n`` architectures of nearly one score; from ``low`` to ``high`` lie 90 % of them."""

    mean: float
    low: float
    high: float
    n: int

    def to_json(self) -> dict[str, float | int]:
        """Plain JSON values."""
        return asdict(self)


class Calibration:
    """Pairs of score and truth, asked for what other scores promise."""

    def __init__(self, score_A: FloatArray, truth_A: FloatArray, pool_A: npt.NDArray[np.bool_]) -> None:
        """All ``[15625]``; ``pool_A``: the architectures to rest on, of which those with a score and a truth count."""
        pool = np.flatnonzero(pool_A & ~np.isnan(score_A) & ~np.isnan(truth_A))
        self._index_N = pool[np.argsort(score_A[pool], kind="stable")]
        self._score_N, self._truth_N = score_A[self._index_N], truth_A[self._index_N]
        self._place = {int(index): place for place, index in enumerate(self._index_N.tolist())}

    @property
    def n(self) -> int:
        """How many pairs there are."""
        return len(self._index_N)

    def expect(self, index: int, score: float) -> Expectation | None:
        """From the ``NEAREST`` in score (and those as near as the farthest of them), the architecture itself left out.

        The ends are order statistics, as in conformal prediction: were the architecture one of these drawn at random,
        its accuracy would lie between them with a probability of at least 90 %. None for fewer than ``LEAST`` pairs.
        """
        score_N, truth_N = self._score_N, self._truth_N
        place = self._place.get(index)
        if place is not None:
            score_N, truth_N = np.delete(score_N, place), np.delete(truth_N, place)
        if len(score_N) < LEAST:
            return None
        first, last = 0, len(score_N)
        if len(score_N) > NEAREST:
            # a block of the sorted scores: it moves right until what follows it is no nearer than its left end
            start = int(np.searchsorted(score_N[:-NEAREST] + score_N[NEAREST:], 2 * score))
            end = start + NEAREST
            as_near = end < len(score_N) and score_N[start] + score_N[end] == 2 * score
            first = int(np.searchsorted(score_N, score_N[start], "left"))
            last = int(np.searchsorted(score_N, score_N[end if as_near else end - 1], "right"))
        near = np.sort(truth_N[first:last])
        low, high = floor(0.05 * (len(near) + 1)), ceil(0.95 * (len(near) + 1))
        return Expectation(float(near.mean()), float(near[low - 1]), float(near[high - 1]), len(near))
