"""Progress as logs and terminals show it."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from nasbench_harness.system import progress
from nasbench_harness.system.progress import Silent, counted, terminal_progress


def _pipe() -> tuple[io.StringIO, Console]:
    stream = io.StringIO()
    return stream, Console(file=stream, width=200)


def test_a_pipe_gets_a_line_a_phase_and_no_control_characters() -> None:
    stream, console = _pipe()
    with terminal_progress(console) as shown:
        shown.start("[1/2] one-shot seed 0 · supernet", 1000, "updates")
        shown.advance(500)
        shown.start("scoring", 9444, "cells")
    assert stream.getvalue() == "[1/2] one-shot seed 0 · supernet: 1,000 updates\nscoring: 9,444 cells\n"


def test_a_pipe_gets_rate_and_time_left_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 30.0, 60.0, 70.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    stream, console = _pipe()
    with terminal_progress(console) as shown:
        shown.start("scoring", 1200, "cells")
        for _ in range(3):
            shown.advance(100)
    assert stream.getvalue().splitlines() == ["scoring: 1,200 cells", "scoring: 17%, 3 cells/s, 5 min left"]


def test_a_terminal_gets_a_bar_with_the_phase_named_as_it_is() -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=120, force_terminal=True)
    with terminal_progress(console) as shown:
        shown.start("[1/2] single-edge seed 0 · leaf 1/5", 100, "updates")
        shown.advance(100)
    assert "[1/2] single-edge seed 0 · leaf 1/5" in stream.getvalue()
    assert "100%" in stream.getvalue()


class Recorder(Silent):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.started: list[tuple[str, float, str]] = []
        self.done = 0.0

    def start(self, phase: str, total: float, unit: str) -> None:
        self.started.append((phase, total, unit))

    def advance(self, amount: float) -> None:
        self.done += amount


def test_counted_work_starts_once_and_adds_up() -> None:
    recorder = Recorder()
    report = counted(recorder, "training", "models")
    for done in (3, 5, 9):
        report(done, 9)
    assert recorder.started == [("training", 9, "models")]
    assert recorder.done == 9
