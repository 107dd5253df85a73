"""Ending on request: after a time, or at a scheduler's signal, work stops at its next checkpoint.

The request is a flag of the process. What stores checkpoints asks for it there; processes that were started for parts
of the work get it as a signal.
"""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

from nasbench_harness.errors import SuspendedError, UsageError

SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGUSR1") if hasattr(signal, name))
"""What schedulers send some time before they kill."""

FORWARDED = SIGNALS[-1]
"""What processes of this one get."""

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_SECONDS = (86400, 3600, 60, 1)


class _Request:
    """Why this process is to stop, once it is; and when it will be, by the monotonic clock."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self.deadline: float | None = None
        self.after = ""


_request = _Request()


def requested() -> str | None:
    """Why this process is to stop; None while it may go on."""
    if _request.reason is None and _request.deadline is not None and time.monotonic() >= _request.deadline:
        _request.reason = _request.after
    return _request.reason


def check() -> None:
    """Raise ``SuspendedError`` where this process is to stop: what was done so far is stored."""
    if (reason := requested()) is not None:
        raise SuspendedError(reason)


@contextmanager
def listening(stop_after: float | None = None) -> Generator[None]:
    """Take the signals as requests while the work inside goes on, and the end of ``stop_after`` seconds as one.

    Signals are heard in the main thread alone; elsewhere, as in a notebook's thread, only the time counts.
    """
    before = vars(_request).copy()
    _request.reason = None
    _request.deadline = None if stop_after is None else time.monotonic() + stop_after
    _request.after = "" if stop_after is None else f"stopped after {stop_after:,.0f} s, as asked"
    hears = threading.current_thread() is threading.main_thread()
    handlers = {each: signal.signal(each, _hear) for each in SIGNALS} if hears else {}
    try:
        yield
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler if handler is not None else signal.SIG_DFL)
        vars(_request).update(before)


def listen() -> None:
    """Take the signals as requests from now on: for a process that does nothing else."""
    for each in SIGNALS:
        signal.signal(each, _hear)


def seconds_of(text: str) -> float:
    """Seconds of a duration such as ``3h50m``, ``90s``, ``1d`` or ``45m``; ``UsageError`` for anything else."""
    found = _DURATION.fullmatch(text.strip())
    if found is None or not any(found.groups()) or len(text) > 20:
        raise UsageError(f"a duration such as 3h50m, 45m or 90s was expected, found {text[:40]!r}")
    seconds = sum(int(number or 0) * unit for number, unit in zip(found.groups(), _SECONDS, strict=True))
    if not seconds:
        raise UsageError(f"a duration above zero was expected, found {text!r}")
    return float(seconds)


def _hear(number: int, frame: FrameType | None) -> None:
    del frame
    if _request.reason is None:
        _request.reason = f"stopped by {signal.Signals(number).name}"
