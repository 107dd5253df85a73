"""Requests to stop: by time and by signal, within a block, and durations as people write them."""

from __future__ import annotations

import os
import signal

import pytest

from nasbench_harness.errors import SuspendedError, UsageError
from nasbench_harness.system import stopping


@pytest.mark.parametrize("number", stopping.SIGNALS)
def test_a_signal_is_a_request_inside_the_block_alone(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with stopping.listening():
        stopping.check()
        os.kill(os.getpid(), number)
        assert stopping.requested() == f"stopped by {number.name}"
        with pytest.raises(SuspendedError, match=number.name):
            stopping.check()
    assert stopping.requested() is None
    assert signal.getsignal(number) == before


def test_time_is_a_request_once_it_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(stopping.time, "monotonic", lambda: now[0])
    with stopping.listening(60):
        assert stopping.requested() is None
        now[0] = 160.0
        assert stopping.requested() == "stopped after 60 s, as asked"
    assert stopping.requested() is None


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("45m", 2700), ("3h50m", 13800), ("1d2h3m4s", 93784), (" 2h ", 7200)]
)
def test_durations(text: str, seconds: float) -> None:
    assert stopping.seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "90", "3.5h", "50m3h", "-1h", "0s", "h", "1h 30m", "9" * 30 + "s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="duration"):
        stopping.seconds_of(text)
