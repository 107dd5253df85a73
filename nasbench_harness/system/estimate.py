"""How long a whole run still takes, from the seconds of finished units and the time left of running ones."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean


@dataclass(frozen=True)
class Spent:
    """Seconds of a finished unit: of its training, trajectory included, and of its scoring."""

    training: float
    scoring: float

    @property
    def all(self) -> float:
        """Both together."""
        return self.training + self.scoring

    @classmethod
    def of(cls, cost: Mapping[str, object]) -> Spent | None:
        """From the ``cost`` of a record; None where it tells no seconds."""
        names = ("training_seconds", "scoring_seconds", "trajectory_seconds")
        training, scoring, trajectory = (cost.get(name, 0.0) for name in names)
        if not isinstance(training, int | float) or not isinstance(scoring, int | float):
            return None
        return cls(training + (trajectory if isinstance(trajectory, int | float) else 0.0), float(scoring))


@dataclass(frozen=True)
class UnderWay:
    """A running unit: seconds that it runs, and those ``left`` of its training, or of its scoring once it is there."""

    strategy: str
    seconds: float
    left: float | None
    trains: bool


def unit_left(unit: UnderWay, finished: Mapping[str, Sequence[Spent]]) -> float | None:
    """Seconds until a running unit ends; None where nothing tells."""
    same = finished.get(unit.strategy, ())
    if unit.left is None:
        return max(0.0, fmean(spent.all for spent in same) - unit.seconds) if same else None
    if not unit.trains:
        return unit.left
    # scoring takes every strategy about as long: so many architectures, so many images
    known = same or [spent for others in finished.values() for spent in others]
    return unit.left + (fmean(spent.scoring for spent in known) if known else 0.0)


def run_left(
    finished: Mapping[str, Sequence[Spent]], running: Sequence[UnderWay], waiting: Sequence[str]
) -> float | None:
    """Seconds until a run ends whose ``waiting`` units (strategies, in order) start whenever a running one ends.

    A unit takes as long as finished ones of its strategy, else as running ones of it, else as all that are known.
    With none running: the seconds of one worker. None where nothing is known yet.
    """
    left_of = [unit_left(unit, finished) for unit in running]
    whole = {strategy: [spent.all for spent in found] for strategy, found in finished.items()}
    for unit, left in zip(running, left_of, strict=True):
        if left is not None and not finished.get(unit.strategy):
            whole.setdefault(unit.strategy, []).append(unit.seconds + left)
    known = [seconds for found in whole.values() for seconds in found]
    if not known:
        return None if running or waiting else 0.0
    expected = {strategy: fmean(found) for strategy, found in whole.items() if found}
    usual = fmean(known)
    free = [
        max(0.0, expected.get(unit.strategy, usual) - unit.seconds) if left is None else left
        for unit, left in zip(running, left_of, strict=True)
    ] or [0.0]
    heapq.heapify(free)
    for strategy in waiting:
        heapq.heapreplace(free, free[0] + expected.get(strategy, usual))
    return max(free)


def duration(seconds: float) -> str:
    """In words that are as exact as an estimate: ``40 s``, ``12 min``, ``3 h 20 min``, ``2 d 4 h``."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} d {hours % 24:02d} h"
