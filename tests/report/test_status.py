"""The status of a run at 80 columns."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from rich.console import Console

from nasbench_harness.experiment.status import RunStatus, UnitStatus
from nasbench_harness.report.status import print_status, summary
from nasbench_harness.system.estimate import Spent

BEAT = {"stage": "5 sub-supernets of a long name", "share": 0.5, "loss": 1.5, "rate": 12345.6, "unit": "updates"}


def unit(seed: int, state: str, strategy: str = "few-shot-depth-2", **said: Any) -> UnitStatus:
    spent = Spent(500, 100) if state == "finished" else None
    beat = BEAT | {"host": "node", "pid": 9, "seconds": 100.0, "seconds_left": 200.0} | said
    return UnitStatus(strategy, seed, state, 3.0, {} if spent or state == "waiting" else beat, spent)


def run(*units: UnitStatus) -> RunStatus:
    return RunStatus(Path("made"), "made", units)


def drawn(status: RunStatus, width: int = 80) -> str:
    stream = io.StringIO()
    print_status(status, Console(file=stream, width=width, force_terminal=True, color_system=None))
    return stream.getvalue()


def test_the_whole_run_in_a_line() -> None:
    assert summary(run(unit(0, "finished"))) == "made: 1 of 1 units finished"
    three = run(unit(0, "finished"), unit(1, "running"), unit(2, "waiting"))
    assert summary(three) == "made: 1 of 3 units finished, 1 running, 1 waiting; about 15 min left"
    alone = run(unit(0, "finished"), unit(1, "waiting"))
    assert summary(alone).endswith("1 waiting; about 10 min left by one worker, none runs now")
    assert summary(run(unit(0, "waiting"))).endswith("1 waiting; no estimate yet")


def test_units_in_flight_fit_80_columns_and_wider_ones_say_where_they_are() -> None:
    status = run(unit(0, "finished"), unit(1, "running"), unit(2, "running", seconds_left=None, loss=None))
    text = drawn(status)
    assert max(map(len, text.splitlines())) <= 80
    assert "50%" in text
    assert "12,346/s" in text
    assert "node:9" not in text
    assert "node:9" in drawn(status, 120)


def test_what_went_wrong_is_said_with_its_reason() -> None:
    status = run(unit(0, "failed", error="diverged at step 3"), unit(1, "stale"), unit(2, "stopped"))
    text = drawn(status, 200)
    assert "failed: few-shot-depth-2 seed 0 on node (process 9): diverged at step 3" in text
    assert "stale: few-shot-depth-2 seed 1 on node (process 9): no heartbeat for 3 s, last in" in text
    assert "stopped: few-shot-depth-2 seed 2 on node (process 9): the same command resumes it" in text
