"""Share, rate and time left against a clock of the test's own."""

from __future__ import annotations

import pytest

from nasbench_harness.system import meter
from nasbench_harness.system.meter import Meter


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(meter.time, "monotonic", clock)
    return clock


def test_what_an_earlier_process_did_counts_as_done_and_not_as_speed(clock: Clock) -> None:
    shown = Meter()
    shown.start("parent", 1000, "updates")
    shown.advance(400)  # from a checkpoint
    assert (shown.share, shown.rate, shown.left) == (0.4, None, None)
    clock.now += 10
    shown.advance(100)
    assert (shown.share, shown.rate, shown.left) == (0.5, 10.0, 50.0)


def test_time_that_passes_without_a_report_counts_down(clock: Clock) -> None:
    shown = Meter()
    shown.start("parent", 1000, "updates")
    shown.advance(0)
    clock.now += 10
    shown.advance(100)
    clock.now += 30
    assert shown.left == 60.0
    clock.now += 100
    assert shown.left == 0.0


def test_the_rate_is_that_of_the_last_two_minutes(clock: Clock) -> None:
    shown = Meter()
    shown.start("parent", 1e6, "updates")
    shown.advance(0)
    for speed in [100] * 30 + [10] * 13:
        clock.now += 10
        shown.advance(10 * speed)
    assert shown.rate == pytest.approx(10.0)


@pytest.mark.parametrize("pause", [60.0, 3600.0])
def test_a_process_that_was_stopped_for_a_while_has_the_rate_of_its_work(clock: Clock, pause: float) -> None:
    shown = Meter()
    shown.start("scoring", 1000, "cells")
    shown.advance(0)
    for seconds in (2, 2, 2 + pause, 2):
        clock.now += seconds
        shown.advance(20)
        assert shown.rate == pytest.approx(10.0)
    assert shown.left == pytest.approx(92.0)


@pytest.mark.parametrize("slow", [15.0, 60.0, 3600.0])
def test_work_that_becomes_slow_for_good_is_no_pause(clock: Clock, slow: float) -> None:
    shown = Meter()
    shown.start("scoring", 1e6, "cells")
    shown.advance(0)
    for seconds in [2] * 10 + [slow] * 10:
        clock.now += seconds
        shown.advance(20)
    assert shown.rate == pytest.approx(20 / slow)


def test_many_reports_a_second_are_kept_as_few(clock: Clock) -> None:
    shown = Meter()
    shown.start("scoring", 1e6, "cells")
    for _ in range(10_000):
        clock.now += 0.01
        shown.advance(3)
    assert shown.rate == pytest.approx(300.0)
    assert len(shown._samples) <= 102


def test_the_time_left_is_of_all_phases_that_train_where_the_plan_is_told(clock: Clock) -> None:
    shown = Meter()
    shown.tell({"planned": 3000.0, "loss": 9.0})
    for phase in ("parent", "leaf 1"):
        shown.start(phase, 1000, "updates")
        assert shown.told == {}
        shown.advance(0)
        clock.now += 10
        shown.advance(500)
        shown.tell({"loss": 2.0})
        clock.now += 10
        shown.advance(500)
    assert (shown.phase_left, shown.left) == (0.0, 20.0)
    assert (shown.trained, shown.planned, shown.told) == (2000, 3000.0, {"loss": 2.0})
    shown.start("scoring", 9444, "cells")
    shown.advance(444)
    clock.now += 10
    shown.advance(1000)
    assert (shown.left, shown.trained) == (80.0, 2000)
