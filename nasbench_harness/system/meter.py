"""How far one part of the work is: the phase, the share of it that is done, the rate, the seconds that are left."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping

SECONDS_OF_RATE = 120.0
"""The rate is that of the last so many seconds: units slow down when others start beside them."""

SECONDS_BETWEEN_SAMPLES = 1.0

SECONDS_OF_PAUSE, TIMES_OF_PAUSE = 5.0, 10.0
"""A report that takes longer, and so many times as long as its work does at the rate so far, comes after a pause: the
process was stopped, or the machine slept. A second one in a row is of work that has become slow."""

UPDATES = "updates"
"""Unit of work of phases that train; a part's ``planned`` work is counted in it."""

PLANNED = "planned"


class Meter:
    """Takes what ``Progress`` takes. ``told`` has the last of each value, such as ``loss``, of the current phase.

    ``planned``, where it is told, is the work in updates of all phases that train.
    """

    def __init__(self) -> None:
        self.phase, self.unit = "", ""
        self.total = self.done = self.trained = 0.0
        self.planned: float | None = None
        self.told: dict[str, float] = {}
        self.begun = self.heard = time.monotonic()
        self._samples: deque[tuple[float, float]] = deque()
        self._paused = False

    def start(self, phase: str, total: float, unit: str) -> None:
        """A new phase begins."""
        self.phase, self.total, self.unit, self.done = phase, total, unit, 0.0
        self.heard = time.monotonic()
        self.told = {}
        self._samples.clear()

    def advance(self, amount: float) -> None:
        """More of the phase is done. The first report may be of what an earlier process did, and tells no rate."""
        self.heard = now = time.monotonic()
        self.done += amount
        if self.unit == UPDATES:
            self.trained += amount
        self._leave_out_pause(now, amount)
        samples = self._samples
        if len(samples) > 1 and now - samples[-2][0] < SECONDS_BETWEEN_SAMPLES:
            samples.pop()
        samples.append((now, self.done))
        while len(samples) > 2 and now - samples[1][0] > SECONDS_OF_RATE:
            samples.popleft()

    def _leave_out_pause(self, now: float, amount: float) -> None:
        """Move what was measured up to the end of a pause, so that the rate is that of the work."""
        rate, self._paused = None if self._paused else self.rate, False
        if rate is None:
            return
        usual, taken = amount / rate, now - self._samples[-1][0]
        if taken > max(SECONDS_OF_PAUSE, TIMES_OF_PAUSE * usual):
            self._paused = True
            self._samples = deque((at + taken - usual, done) for at, done in self._samples)

    def tell(self, values: Mapping[str, float]) -> None:
        """Values of the moment."""
        self.planned = values.get(PLANNED, self.planned)
        self.told.update({name: value for name, value in values.items() if name != PLANNED})

    @property
    def share(self) -> float:
        """Of the phase, 0 to 1."""
        return min(1.0, self.done / self.total) if self.total > 0 else 0.0

    @property
    def seconds(self) -> float:
        """Since the part began."""
        return time.monotonic() - self.begun

    @property
    def rate(self) -> float | None:
        """Work of the phase a second; None until two reports are there."""
        if len(self._samples) < 2:
            return None
        try:  # another thread may take samples away
            (since, before), (until, done) = self._samples[0], self._samples[-1]
        except IndexError:
            return None
        return (done - before) / (until - since) if until > since and done > before else None

    @property
    def phase_left(self) -> float | None:
        """Seconds until the phase ends; None while the rate is not known."""
        return self._seconds_for(self.total - self.done)

    @property
    def left(self) -> float | None:
        """Seconds until all phases that train end, or this one where it does not train; None as ``phase_left``."""
        if self.unit != UPDATES or self.planned is None:
            return self.phase_left
        return self._seconds_for(max(self.total - self.done, self.planned - self.trained))

    def _seconds_for(self, work: float) -> float | None:
        rate = self.rate
        return None if rate is None else max(0.0, work / rate - (time.monotonic() - self.heard))
