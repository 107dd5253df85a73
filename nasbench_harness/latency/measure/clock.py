"""Timing short pieces of work: warm-up, interleaved repeats, median and interquartile range, a stated outlier rule."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.seeding import derive_rng

Work = Callable[[], object]
Clock = Callable[[Work], float]

OUTLIER_IQRS = 3.0
OUTLIER_RULE = (
    f"passes more than {OUTLIER_IQRS:g} interquartile ranges outside the quartiles are outliers: counted, and kept out "
    "of median and interquartile range"
)


@dataclass(frozen=True)
class Timing:
    """Repeated passes of one piece of work, in ms: ``median``, ``iqr``, how many count and how many are outliers."""

    median: float
    iqr: float
    passes: int
    outliers: int

    @classmethod
    def of(cls, ms_R: npt.ArrayLike) -> Timing:
        """Summarise single passes ``[R]`` under ``OUTLIER_RULE``."""
        values = np.asarray(ms_R, dtype=np.float64)
        low, high = np.quantile(values, (0.25, 0.75))
        margin = OUTLIER_IQRS * (high - low)
        kept = values[(values >= low - margin) & (values <= high + margin)]
        low, middle, high = np.quantile(kept, (0.25, 0.5, 0.75))
        return cls(float(middle), float(high - low), len(kept), len(values) - len(kept))


def cpu_clock(work: Work) -> float:
    """Milliseconds of one call."""
    started = time.perf_counter()
    work()
    return 1000.0 * (time.perf_counter() - started)


def cuda_clock(work: Work) -> float:
    """Milliseconds between two events around one call, as the GPU counts them: launch gaps within it included."""
    import torch

    new_event: Callable[..., Any] = torch.cuda.Event
    first, last = new_event(enable_timing=True), new_event(enable_timing=True)
    first.record()
    work()
    last.record()
    last.synchronize()
    return float(first.elapsed_time(last))


def interleaved(works: Sequence[Work], repeats: int, warm_up: int, clock: Clock, seed: int = 0) -> list[Timing]:
    """Time every piece of work ``repeats`` times, in rounds of changing order, so that drift meets all alike.

    ``warm_up``: untimed calls of each before the first round.
    """
    for work in works:
        for _ in range(warm_up):
            work()
    ms_RW = np.empty((repeats, len(works)))
    for repeat in range(repeats):
        for place in derive_rng("latency order", seed, repeat).permutation(len(works)).tolist():
            ms_RW[repeat, place] = clock(works[place])
    return [Timing.of(ms_R) for ms_R in ms_RW.T]
