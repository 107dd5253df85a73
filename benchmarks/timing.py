"""Wall-clock times of things that are compared: taken alternately in one run, summarised with their spread."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

Candidate = Callable[[int], object]
"""Work to be timed; it is told the number of the repeat, so that all candidates can do the same work in each."""

WARM_UP = -1
"""The number that a candidate gets in the untimed rounds before the first repeat."""


@dataclass(frozen=True)
class Spread:
    """Repeated measurements: the middle one and the extremes, beside all of them in the order of measurement."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle measurement."""
        return median(self.values)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"median": self.median, "min": min(self.values), "max": max(self.values), "values": list(self.values)}


def interleave(
    candidates: Mapping[str, Candidate],
    repeats: int,
    warm_up: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Spread]:
    """Seconds of every candidate, ``repeats`` times each, one after the other within each repeat.

    A machine that gets slower or busier during the run so slows all candidates alike. The order turns round with every
    repeat (A B, B A, A B, ...), because what runs second finds the caches as the first left them. Garbage collection
    waits until a measurement is over.
    """
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(warm_up):
        for candidate in candidates.values():
            candidate(WARM_UP)
    collecting = gc.isenabled()
    gc.disable()
    try:
        for repeat in range(repeats):
            order = list(candidates)
            for name in order if repeat % 2 == 0 else reversed(order):
                start = clock()
                candidates[name](repeat)
                seconds[name].append(clock() - start)
                gc.collect()
    finally:
        if collecting:
            gc.enable()
    return {name: Spread(tuple(values)) for name, values in seconds.items()}


def paired_ratio(numerator: Spread, denominator: Spread) -> Spread:
    """How many times longer the first took, repeat by repeat; both were measured side by side."""
    return Spread(tuple(a / b for a, b in zip(numerator.values, denominator.values, strict=True)))


def per_unit(spread: Spread, units: float) -> Spread:
    """Seconds for one unit of work where each measurement did ``units`` of them."""
    return Spread(tuple(value / units for value in spread.values))


def chunk(items: Sequence[Any], repeat: int, size: int) -> Sequence[Any]:
    """The share of ``items`` that belongs to a repeat; the warm-up gets the first one."""
    start = max(repeat, 0) * size
    return items[start : start + size]
