"""Seconds of a unit's phases, the time before an interruption included."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nasbench_harness.records.digests import with_digest, without_digest
from nasbench_harness.system.files import write_json
from nasbench_harness.system.reading import read_json

CLOCK_FILE = "seconds.json"


class Clock:
    """Adds up wall time by phase; ``store`` writes it beside the checkpoints, so that they stand for the same work."""

    def __init__(self, folder: Path | None = None, identity: str = "") -> None:
        """``folder`` of the checkpoints, or ``None``; what another unit left there is ignored."""
        self.path = None if folder is None else folder / CLOCK_FILE
        self.identity = identity
        self._seconds = self._stored()
        self._running: tuple[str, float] | None = None

    def _stored(self) -> dict[str, float]:
        try:
            found = without_digest(read_json(self.path)) if self.path else {}
            if found.get("identity") != self.identity:
                return {}
            return {str(phase): float(seconds) for phase, seconds in found["seconds"].items()}
        except (OSError, ValueError, KeyError, AttributeError, TypeError, OverflowError):
            return {}

    @contextmanager
    def timing(self, phase: str) -> Iterator[None]:
        """Count what happens inside towards ``phase``; a phase inside another one interrupts it."""
        self._settle()
        around = self._running
        self._running = (phase, time.perf_counter())
        try:
            yield
        finally:
            self._settle()
            self._running = None if around is None else (around[0], time.perf_counter())

    def _settle(self) -> None:
        if self._running is not None:
            phase, since = self._running
            now = time.perf_counter()
            self._seconds[phase] = self._seconds.get(phase, 0.0) + now - since
            self._running = (phase, now)

    def store(self) -> None:
        """Write the seconds so far."""
        self._settle()
        if self.path is not None:
            write_json(self.path, with_digest({"identity": self.identity, "seconds": self._seconds}))

    def to_json(self) -> dict[str, float]:
        """Seconds by phase."""
        self._settle()
        return dict(self._seconds)
