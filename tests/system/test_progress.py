"""Progress as logs and terminals show it."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from rich.console import Console

from nasbench_harness.system import live
from nasbench_harness.system.estimate import Spent
from nasbench_harness.system.progress import Silent, counted, follow, terminal_progress
from nasbench_harness.system.whole_run import WholeRun

STAMP = "2026-11-28T18:12:24+00:00"


class Clock:
    """Seconds that pass when the test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    monkeypatch.setattr(live, "stamp", lambda: STAMP)
    return clock


@contextmanager
def log() -> Iterator[tuple[Any, Callable[[], list[str]]]]:
    """Progress into a pipe of 80 columns, and what was printed since the last question, without the time stamp."""
    stream = io.StringIO()
    asked = 0

    def lines() -> list[str]:
        nonlocal asked
        found = stream.getvalue().splitlines()[asked:]
        asked += len(found)
        assert all(line.startswith(f"{STAMP} ") for line in found)
        return [line.removeprefix(f"{STAMP} ") for line in found]

    with terminal_progress(Console(file=stream, width=80)) as shown:
        yield shown, lines


def test_a_log_gets_unbroken_lines_with_time_stamps_and_no_control_characters(clock: Clock) -> None:
    title = "[1/2] a-strategy-with-a-long-name-as-grids-have-them seed 0"
    with log() as (shown, lines):
        unit = shown.fork(title)
        unit.start("leaf 1/5: edge 0 = none, edge 3 = skip_connect", 1000, "updates")
        unit.advance(500)
        assert lines() == [f"{title} · leaf 1/5: edge 0 = none, edge 3 = skip_connect: 1,000 updates"]


def test_a_log_gets_lines_by_time_and_not_by_phase(clock: Clock) -> None:
    with log() as (shown, lines):
        for leaf in range(100):
            shown.start(f"leaf {leaf}", 1000, "updates")
            for _ in range(10):
                clock.now += 0.5
                shown.advance(100)
        assert len(lines()) == 50  # in 500 seconds: one for each second phase


def test_a_log_tells_share_loss_rate_and_time_left_once_a_minute(clock: Clock) -> None:
    with log() as (shown, lines):
        shown.start("scoring", 1200, "cells")
        assert lines() == ["scoring: 1,200 cells"]
        shown.tell({"loss": 2.5})
        for _ in range(3):
            clock.now += 30
            shown.advance(100)
        assert lines() == ["scoring: 17%, loss 2.500, 3.3 cells/s, 5 min left"]


def test_a_log_of_many_hours_gets_a_line_in_ten_minutes(clock: Clock) -> None:
    with log() as (shown, lines):
        shown.start("supernet", 1e6, "updates")
        for _ in range(24 * 60):
            clock.now += 60
            shown.advance(100)
        assert 140 < len(lines()) < 175


def test_a_log_tells_how_far_the_whole_run_is(clock: Clock) -> None:
    whole = WholeRun({"[2/3] a": "a", "[3/3] b": "b"}, [("a", Spent(90, 10))])
    with log() as (shown, lines):
        follow(shown, whole)
        first = shown.fork("[2/3] a")
        assert lines() == []
        clock.now += 100
        whole.end("[2/3] a", {"training_seconds": 90.0, "scoring_seconds": 30.0})
        first.close()
        shown.fork("[3/3] b")
        assert lines() == ["whole run: 2 of 3 units finished, 1 running; about 2 min left"]


@contextmanager
def terminal(width: int) -> Iterator[tuple[Any, Callable[[], list[str]]]]:
    """A live view, and what it shows at the moment."""
    view = live.LiveView()

    def lines() -> list[str]:
        console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
        console.print(view)
        return console.file.getvalue().splitlines()  # type: ignore[attr-defined]

    yield live.LiveRow(view), lines


def under_way(shown: Any, clock: Clock) -> None:
    whole = WholeRun({"[2/3] few-shot-depth-2 seed 0": "few", "[3/3] one seed 1": "one"}, [("one", Spent(90, 10))])
    follow(shown, whole)
    shown.start("download", 10, "kB")
    first, _ = (shown.fork(title) for title in whole.strategy_of)
    first.start("leaf 14/25: edge 0 = none, edge 3 = none", 1000, "updates")
    first.advance(0)
    clock.now += 10
    first.advance(400)
    first.tell({"loss": 2.276})


def test_a_terminal_of_80_columns_shows_each_unit_and_the_whole(clock: Clock) -> None:
    with terminal(80) as (shown, lines):
        under_way(shown, clock)
        assert lines() == [
            "whole run: 1 of 3 units finished, 2 running; about 90 s left",
            "[2/3] few-shot-depth-2 seed 0  leaf 14/25: ed…  40%  loss 2.276  40/s  15 s left",
            "[3/3] one seed 1               starting          0%",
        ]


def test_a_wide_terminal_has_bars_and_units(clock: Clock) -> None:
    with terminal(160) as (shown, lines):
        under_way(shown, clock)
        assert f"{'━' * 8}{'─' * 12}  40%  loss 2.276  40 updates/s  15 s left" in lines()[1]


def test_what_is_over_is_not_shown(clock: Clock) -> None:
    with terminal(80) as (shown, lines):
        assert lines() == []
        shown.start("download", 10, "kB")
        assert lines() == ["download  ────────────────────  0%"]
        unit = shown.fork("unit")
        unit.start("parent", 10, "updates")
        assert lines() == ["unit  parent  ────────────────────  0%"]
        unit.close()
        unit.close()
        assert len(lines()) == 1


def test_a_terminal_gets_a_line_with_the_phase_named_as_it_is() -> None:
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
