"""Three numbers for many rankings of the same architectures: tau, tau within equal live FLOPs, tau with live FLOPs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nasbench_harness.metrics.beyond_count import count_ranks, large_groups, tau_of_sum, within_of
from nasbench_harness.metrics.correlation import tau_of
from nasbench_harness.metrics.pairs import Pair
from nasbench_harness.metrics.uncertainty import LEVEL

FloatArray = npt.NDArray[np.float64]

MEASURES = ("kendall_tau", "tau_within_flops", "tau_with_flops")
"""Tau-b; tau-b among equal live FLOPs, weighted by pairs; tau-b of the sum of ranks with live FLOPs."""


@dataclass(frozen=True, eq=False)
class Numbers:
    """The measures of one ranking: ``values``, None where undefined, and ``resampled_RQ``, float64 ``[resamples, 3]``
    in the order of ``MEASURES``, NaN where undefined.
    """

    values: dict[str, float | None]
    resampled_RQ: FloatArray

    def intervals(self) -> dict[str, list[float]]:
        """95 % percentile intervals; a measure that is undefined in some resample has none."""
        tail, found = (1 - LEVEL) / 2, {}
        for place, name in enumerate(MEASURES):
            values_R = self.resampled_RQ[:, place]
            if values_R.size and self.values[name] is not None and not np.isnan(values_R).any():
                found[name] = [float(bound) for bound in np.quantile(values_R, [tail, 1 - tail])]
        return found

    def less(self, other: Numbers) -> Numbers:
        """The difference to another ranking of the same architectures, resample by resample."""
        pairs = {name: (self.values[name], other.values[name]) for name in MEASURES}
        values = {name: None if a is None or b is None else a - b for name, (a, b) in pairs.items()}
        return Numbers(values, self.resampled_RQ - other.resampled_RQ)


class Ruler:
    """Judges rankings of n architectures by their true values ``[n]`` and their live FLOPs ``[n]``."""

    def __init__(self, true_A: FloatArray, live_flops_A: npt.NDArray[np.int64]) -> None:
        self.true_A = true_A
        self._group_A = large_groups(live_flops_A)
        self._rank_A = count_ranks(live_flops_A)

    @property
    def n(self) -> int:
        """Number of architectures."""
        return len(self.true_A)

    @property
    def groups(self) -> dict[str, int]:
        """How many groups of equal live FLOPs are large enough to count, and how many architectures they hold."""
        return {"groups": int(self._group_A.max()) + 1, "n": int((self._group_A >= 0).sum())}

    def read(self, scores: Mapping[str, FloatArray], resamples: int, seed: int) -> dict[str, Numbers]:
        """The measures of every ranking ``[n]``; every resample of architectures is drawn once, for all of them."""
        pairs = {name: Pair.of(score_A, self.true_A) for name, score_A in scores.items()}
        rng = np.random.default_rng(seed)
        drawn_RA = [np.sort(rng.integers(self.n, size=self.n)) for _ in range(resamples)]
        known: dict[bytes, Numbers] = {}
        found = {}
        for name, pair in pairs.items():
            order = pair.score_code_A.tobytes()  # of two members, one without the other is a ranking seen before
            if order not in known:
                resampled = [self._measures(pair.take(rows), rows) for rows in drawn_RA]
                values = dict(zip(MEASURES, self._measures(pair, np.arange(self.n)), strict=True))
                known[order] = Numbers(values, np.array(resampled, dtype=np.float64).reshape(resamples, len(MEASURES)))
            found[name] = known[order]
        return found

    def at(self, score_A: FloatArray, rows: npt.NDArray[np.int64]) -> dict[str, float | None]:
        """The measures of scores ``[m]`` for some of the architectures, whose row numbers are ``rows`` ``[m]``."""
        return dict(zip(MEASURES, self._measures(Pair.of(score_A, self.true_A[rows]), rows), strict=True))

    def _measures(self, pair: Pair, rows: npt.NDArray[np.int64]) -> tuple[float | None, ...]:
        within = within_of(pair, self._group_A[rows]).tau
        return tau_of(pair), within, tau_of_sum(pair, self._rank_A[rows])
