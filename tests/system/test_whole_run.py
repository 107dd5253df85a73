"""Counts and the estimate of a run from inside."""

from __future__ import annotations

from nasbench_harness.system.estimate import Spent
from nasbench_harness.system.meter import Meter
from nasbench_harness.system.whole_run import WholeRun

COST = {"training_seconds": 80.0, "scoring_seconds": 20.0}


def test_units_are_counted_as_they_begin_and_end() -> None:
    whole = WholeRun({"1": "a", "2": "a", "3": "b"}, [("b", Spent(100, 100)), ("b", None)])
    assert whole.line({}) == "whole run: 2 of 5 units finished, 3 waiting; about 10 min left"
    whole.begin("1")
    assert whole.line({"1": Meter()}) == "whole run: 2 of 5 units finished, 1 running, 2 waiting; about 10 min left"
    whole.end("1", COST)
    assert whole.left({}) == 100 + 200
    whole.end("2", None)  # without having begun here: another process had it
    assert whole.line({}) == "whole run: 3 of 5 units finished, 1 ended without a record, 1 waiting; about 3 min left"
    whole.end("3", COST)
    assert whole.line({}) == "whole run: 4 of 5 units finished, 1 ended without a record"


def test_nothing_is_estimated_from_nothing() -> None:
    assert WholeRun({"1": "a"}, []).line({}) == "whole run: 0 of 1 units finished, 1 waiting"
