"""Heartbeats: a small file by which others see that a piece of work goes on, and how far it is.

A thread writes it every few seconds, so work that says nothing for an hour is seen to live too, and the work itself
only sets numbers. What cannot be written (a full disk, a folder that was removed) is left out: watching
never fails a run.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nasbench_harness.errors import StoppedEarlyError, SuspendedError
from nasbench_harness.system.files import temporary_beside
from nasbench_harness.system.live import stamp
from nasbench_harness.system.meter import PLANNED
from nasbench_harness.system.progress import Metered, Progress

HEARTBEAT_FILE = "progress.json"
"""Name of the file in a unit's folder of checkpoints."""

SECONDS_BETWEEN_BEATS = 5.0

RUNNING, FAILED, STOPPED = "running", "failed", "stopped"


class Heartbeat(Metered):
    """Progress that is handed on to ``inner`` and kept in ``path`` with ``facts``, such as strategy and seed."""

    def __init__(self, inner: Progress, path: Path, facts: Mapping[str, Any]) -> None:
        super().__init__(inner)
        self.path = path
        self.facts = {**facts, "host": socket.gethostname(), "pid": os.getpid(), "started": stamp()}

    def write(self, state: str = RUNNING, error: str = "") -> None:
        """Write the file now; what stands in the way is passed over."""
        text = json.dumps(self.to_json() | {"state": state, "error": error}, indent=1)
        partial = temporary_beside(self.path)
        try:  # not synced: a heartbeat that a crash of the machine takes away is none
            partial.write_text(text + "\n", encoding="utf-8")
            os.replace(partial, self.path)
        except OSError:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)

    def to_json(self) -> dict[str, Any]:
        """What the file says: the phase as ``stage``, seconds, and the share of the planned updates as ``trained``."""
        meter = self.meter
        planned = meter.planned
        return {
            **self.facts,
            "time": stamp(),
            "seconds": round(meter.seconds, 1),
            "stage": meter.phase,
            "share": round(meter.share, 4),
            "rate": _rounded(meter.rate),
            "unit": meter.unit,
            "seconds_left": _rounded(meter.left),
            PLANNED: planned,
            "trained": round(min(1.0, meter.trained / planned), 4) if planned else None,
            **dict(meter.told),
        }


@contextmanager
def heartbeat(inner: Progress, folder: Path, facts: Mapping[str, Any]) -> Iterator[Heartbeat]:
    """Keep ``progress.json`` in ``folder`` while the work inside goes on; an error of the work is its last word."""
    beat = Heartbeat(inner, folder / HEARTBEAT_FILE, facts)
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    beat.write()
    over = threading.Event()

    def keep_on() -> None:
        while not over.wait(SECONDS_BETWEEN_BEATS):
            with contextlib.suppress(Exception):  # a number that the work changes at this moment: the next beat has it
                beat.write()

    thread = threading.Thread(target=keep_on, name="heartbeat", daemon=True)
    thread.start()
    state, error = RUNNING, ""
    try:
        yield beat
    except Exception as raised:
        state = STOPPED if isinstance(raised, StoppedEarlyError | SuspendedError) else FAILED
        error = " ".join(str(raised).split())[:500] or type(raised).__name__
        raise
    except BaseException:
        state = STOPPED
        raise
    finally:
        over.set()
        thread.join()
        if state != RUNNING:
            beat.write(state, error)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
