"""Three numbers for many rankings of the same architectures: tau, tau within equal live FLOPs, tau with live FLOPs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nasbench_harness.metrics.beyond_count import TAUS, count_ranks, large_groups, sum_with, within_of
from nasbench_harness.metrics.correlation import tau_of
from nasbench_harness.metrics.pairs import Pair
from nasbench_harness.metrics.resampling import ResampledTau, ResampledTauWithin, weight_blocks
from nasbench_harness.metrics.uncertainty import LEVEL

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Numbers:
    """The measures of one ranking: ``values``, None where undefined, and ``resampled``, by measure float64
    ``[resamples]``, NaN where undefined.
    """

    values: dict[str, float | None]
    resampled: dict[str, FloatArray]

    def intervals(self) -> dict[str, list[float]]:
        """95 % percentile intervals; a measure that is undefined in some resample has none."""
        tails = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
        return {
            name: [float(bound) for bound in np.quantile(value_R, tails)]
            for name, value_R in self.resampled.items()
            if value_R.size and not np.isnan(value_R).any()
        }

    def less(self, other: Numbers) -> Numbers:
        """The difference to another ranking of the same architectures, resample by resample."""
        pairs = {name: (self.values[name], other.values[name]) for name in TAUS}
        values = {name: None if a is None or b is None else a - b for name, (a, b) in pairs.items()}
        both = [name for name in self.resampled if name in other.resampled]
        return Numbers(values, {name: self.resampled[name] - other.resampled[name] for name in both})


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
        # of two members, one without the other is a ranking seen before
        order = {name: pair.score_code_A.tobytes() for name, pair in pairs.items()}
        different = {order[name]: pair for name, pair in pairs.items()}
        measures = {key: self._resampled(pair) if resamples else {} for key, pair in different.items()}
        found: dict[bytes, dict[str, list[FloatArray]]] = {
            key: {name: [] for name in measures[key]} for key in measures
        }
        for weight_RA in weight_blocks(self.n, resamples, seed):
            for key, by_name in measures.items():
                for name, measure in by_name.items():
                    found[key][name].append(measure(weight_RA))
        numbers = {
            key: Numbers(
                self._measures(pair, np.arange(self.n)),
                {name: np.concatenate(blocks) for name, blocks in found[key].items()},
            )
            for key, pair in different.items()
        }
        return {name: numbers[order[name]] for name in pairs}

    def at(self, score_A: FloatArray, rows: npt.NDArray[np.int64]) -> dict[str, float | None]:
        """The measures of scores ``[m]`` for some of the architectures, whose row numbers are ``rows`` ``[m]``."""
        return self._measures(Pair.of(score_A, self.true_A[rows]), rows)

    def _measures(self, pair: Pair, rows: npt.NDArray[np.int64]) -> dict[str, float | None]:
        summed = sum_with(pair, self._rank_A[rows])
        within = within_of(pair, self._group_A[rows]).tau
        return dict(zip(TAUS, (tau_of(pair), within, None if summed is None else tau_of(summed)), strict=True))

    def _resampled(self, pair: Pair) -> dict[str, Callable[[FloatArray], FloatArray]]:
        """What gives each measure from the weights of resamples; one that is undefined is left out."""
        found: dict[str, Callable[[FloatArray], FloatArray]] = {}
        summed = sum_with(pair, self._rank_A)
        if summed is None or summed.undefined:
            return found
        found["kendall_tau"], found["tau_with_flops"] = ResampledTau(pair), ResampledTau(summed)
        if within_of(pair, self._group_A).tau is not None:
            found["tau_within_flops"] = ResampledTauWithin(pair, self._group_A)
        return found
