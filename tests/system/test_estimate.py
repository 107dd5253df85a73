"""The time that a whole run takes, by hand."""

from __future__ import annotations

import pytest

from nasbench_harness.system.estimate import Spent, UnderWay, duration, run_left, unit_left


def test_a_unit_that_trains_has_its_scoring_before_it_and_one_that_scores_has_not() -> None:
    finished = {"a": [Spent(100, 40), Spent(100, 60)], "b": [Spent(10, 20)]}
    assert unit_left(UnderWay("a", 30, 70, trains=True), finished) == 70 + 50
    assert unit_left(UnderWay("a", 130, 7, trains=False), finished) == 7
    assert unit_left(UnderWay("new", 30, 70, trains=True), finished) == 70 + 40  # the mean of all
    assert unit_left(UnderWay("new", 30, 70, trains=True), {}) == 70


def test_a_unit_that_tells_nothing_takes_as_long_as_finished_ones_of_its_strategy() -> None:
    finished = {"a": [Spent(100, 40), Spent(100, 60)]}
    assert unit_left(UnderWay("a", 30, None, trains=True), finished) == 120
    assert unit_left(UnderWay("a", 300, None, trains=True), finished) == 0
    assert unit_left(UnderWay("b", 30, None, trains=True), finished) is None


def test_waiting_units_start_when_a_worker_is_free() -> None:
    finished = {"short": [Spent(5, 5)], "long": [Spent(90, 10)]}
    running = [UnderWay("long", 60, 40, trains=False), UnderWay("short", 8, 2, trains=False)]
    # one worker: 2 + 10 + 10 = 22, then the long one until 122; the other: 40, then 10 until 50
    assert run_left(finished, running, ["short", "short", "long", "short"]) == 122


def test_with_no_worker_the_waiting_units_follow_each_other() -> None:
    assert run_left({"a": [Spent(5, 5)]}, [], ["a", "a", "unknown"]) == 30
    assert run_left({"a": [Spent(5, 5)]}, [], []) == 0


def test_running_units_tell_of_waiting_ones_of_their_strategy() -> None:
    assert run_left({}, [UnderWay("a", 60, 40, trains=False)], ["a"]) == 140
    assert run_left({}, [UnderWay("a", 60, None, trains=True)], ["a"]) is None
    assert run_left({}, [], ["a"]) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (99.4, "99 s"), (99.6, "2 min"), (3599, "1 h 00 min"), (12_000, "3 h 20 min"), (187_200, "2 d 04 h")],
)
def test_durations_are_as_exact_as_estimates(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_costs_of_records_count_what_was_scored_along_training() -> None:
    assert Spent.of({"training_seconds": 10.0, "trajectory_seconds": 3.0, "scoring_seconds": 4.0}) == Spent(13.0, 4.0)
    assert Spent.of({"training_seconds": 10.0, "scoring_seconds": 4}) == Spent(10.0, 4.0)
    assert Spent.of({"training_seconds": "soon"}) is None
