"""States of units from the files of a run folder, by a clock of the test's own."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nasbench_harness.errors import DataError
from nasbench_harness.experiment.status import RunStatus, read_status
from nasbench_harness.records import write_record
from nasbench_harness.system.owners import Owner

NOW = 1_800_000_000.0
NO_PROCESS = 2**22 + 1
"""Above the largest process id of Linux."""


def describe(run: Path, strategies: tuple[str, ...] = ("a", "b"), seeds: int = 2) -> None:
    run.mkdir(parents=True, exist_ok=True)
    value = {"name": "made", "strategies": {name: {} for name in strategies}, "seeds": list(range(seeds))}
    (run / "experiment.json").write_text(json.dumps(value))


def finish(run: Path, strategy: str, seed: int, training: float = 80.0, scoring: float = 20.0) -> None:
    unit = run / strategy / f"seed-{seed}"
    unit.mkdir(parents=True, exist_ok=True)
    cost = {"training_seconds": training, "scoring_seconds": scoring}
    (unit / "record.json").write_text(json.dumps({"cost": cost}))


def beat(run: Path, unit: str, seed: int, age: float = 1.0, **said: Any) -> None:
    work = run / unit / f"seed-{seed}" / "checkpoints"
    work.mkdir(parents=True, exist_ok=True)
    value = {
        "state": "running",
        "host": "elsewhere",
        "pid": 7,
        "unit": "updates",
        "seconds": 50.0,
        "seconds_left": 31.0,
    }
    (work / "progress.json").write_text(json.dumps(value | said))
    os.utime(work / "progress.json", (NOW - age, NOW - age))


def look(run: Path) -> RunStatus:
    (found,) = read_status(run, lambda: NOW)
    return found


def states(run: Path) -> dict[tuple[str, int], str]:
    return {(unit.strategy, unit.seed): unit.state for unit in look(run).units}


def test_each_state_is_told_apart(tmp_path: Path) -> None:
    describe(tmp_path, ("a", "b"), 4)
    finish(tmp_path, "a", 0)
    beat(tmp_path, "a", 1, age=119)
    beat(tmp_path, "a", 2, age=121)
    beat(tmp_path, "a", 3, age=9999, state="failed", error="diverged")
    beat(tmp_path, "b", 0, age=9999, state="stopped")
    (tmp_path / "b" / "seed-1" / "checkpoints").mkdir(parents=True)  # of a version without heartbeats
    assert list(states(tmp_path).values()) == [
        "finished",
        "running",
        "stale",
        "failed",
        "stopped",
        "stopped",
        "waiting",
        "waiting",
    ]


def test_a_dead_process_of_this_machine_is_no_running_one(tmp_path: Path) -> None:
    describe(tmp_path, ("a",), 3)
    here = socket.gethostname()
    beat(tmp_path, "a", 0, age=20, host=here, pid=NO_PROCESS)
    beat(tmp_path, "a", 1, age=20, host=here, pid=os.getpid())
    beat(tmp_path, "a", 2, age=20, host=here, pid="?")
    assert list(states(tmp_path).values()) == ["stopped", "running", "running"]


def claim(run: Path, unit: str, seed: int, owner: Owner, age: float = 1.0) -> None:
    path = run / unit / f"seed-{seed}" / "claim.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(owner.to_json()))
    os.utime(path, (NOW - age, NOW - age))


def test_a_claim_tells_of_units_that_have_just_begun_and_of_owners_that_are_gone(tmp_path: Path) -> None:
    describe(tmp_path, ("a",), 6)
    me = Owner.me()
    elsewhere, dead = replace(me, host="node", place="node x"), replace(me, pid=NO_PROCESS)
    claim(tmp_path, "a", 0, me)  # no heartbeat yet
    claim(tmp_path, "a", 1, elsewhere)
    beat(tmp_path, "a", 1, age=9999, state="failed", error="of an earlier run")
    claim(tmp_path, "a", 2, elsewhere, age=500)
    beat(tmp_path, "a", 2, age=500)
    claim(tmp_path, "a", 3, dead)
    beat(tmp_path, "a", 3)  # its worker lives on for a moment
    claim(tmp_path, "a", 4, elsewhere, age=500)
    beat(tmp_path, "a", 4, age=2)
    beat(tmp_path, "a", 5, age=9999, state="failed")
    assert list(states(tmp_path).values()) == ["running", "running", "stale", "stopped", "running", "failed"]
    assert look(tmp_path).units[1].beat == {"host": "node", "pid": me.pid}


def test_a_unit_that_is_run_again_runs(tmp_path: Path) -> None:
    describe(tmp_path, ("a",), 2)
    finish(tmp_path, "a", 0)
    beat(tmp_path, "a", 0)
    finish(tmp_path, "a", 1)
    beat(tmp_path, "a", 1, state="failed")
    assert states(tmp_path) == {("a", 0): "running", ("a", 1): "finished"}


def test_the_estimate_of_the_whole_run(tmp_path: Path) -> None:
    describe(tmp_path)
    finish(tmp_path, "a", 0)
    beat(tmp_path, "a", 1, age=1.0)
    run = look(tmp_path)
    # 31 s of training less 1 s since, 20 s of scoring; then two units of b as long as the known ones: 100 s and 101 s
    (running,) = run.of("running")
    assert run.left_of(running) == 50.0
    assert run.seconds_left == 50.0 + 2 * 100.0


def test_units_beside_the_description_are_shown_too(tmp_path: Path) -> None:
    describe(tmp_path, ("a",), 1)
    finish(tmp_path, "old", 5)
    assert states(tmp_path) == {("a", 0): "waiting", ("old", 5): "finished"}


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"name": "x", "strategies": {"../up": {}}, "seeds": [0]}', '{"seeds": 3}']
)
def test_without_a_description_that_can_be_read_the_units_of_the_folder_are_all(tmp_path: Path, text: str) -> None:
    (tmp_path / "experiment.json").write_text(text)
    finish(tmp_path, "a", 0)
    assert states(tmp_path) == {("a", 0): "finished"}


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"state": 5, "seconds_left": "x", "host": 3, "pid": -1}'])
def test_a_damaged_heartbeat_is_no_fault(tmp_path: Path, text: str) -> None:
    describe(tmp_path, ("a",), 1)
    beat(tmp_path, "a", 0)
    path = tmp_path / "a" / "seed-0" / "checkpoints" / "progress.json"
    path.write_text(text)
    os.utime(path, (NOW, NOW))
    assert states(tmp_path)["a", 0] in ("stopped", "running")
    look(tmp_path).to_json()


def test_a_grid_has_a_status_for_each_point(tmp_path: Path) -> None:
    describe(tmp_path / "epochs=1")
    describe(tmp_path / "epochs=2")
    (tmp_path / "other").mkdir()
    assert [run.folder.name for run in read_status(tmp_path)] == ["epochs=1", "epochs=2"]


def test_a_folder_without_a_run_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such run folder; give the folder that"):
        read_status(tmp_path / "none")
    with pytest.raises(DataError, match="no run has begun in it"):
        read_status(tmp_path)


def test_the_json_has_counts_and_each_unit(tmp_path: Path) -> None:
    describe(tmp_path)
    finish(tmp_path, "a", 0)
    beat(tmp_path, "a", 1, loss=2.5, stage="parent", strategy="lies")
    value = look(tmp_path).to_json()
    assert {name: value[name] for name in ("units", "finished", "running", "waiting", "seconds_left")} == {
        "units": 4,
        "finished": 1,
        "running": 1,
        "waiting": 2,
        "seconds_left": 250.0,
    }
    assert value["each"][1].items() >= {"strategy": "a", "loss": 2.5, "stage": "parent", "heartbeat_age": 1.0}.items()
    json.dumps(value, allow_nan=False)


@pytest.mark.parametrize("indent", [None, 1, 2])
def test_the_seconds_of_a_unit_are_those_of_its_record_however_it_is_laid_out(
    fake: Any, tmp_path: Path, indent: int | None
) -> None:
    cost = {**fake.make_record().cost, "training_seconds": 70.5, "scoring_seconds": 9.0, "trajectory_seconds": 1.0}
    record = fake.make_record("a", 0, cost=cost, analysis={**fake.make_record().analysis, "strategy": {"cost": 5}})
    path = write_record(tmp_path, record, fake.make_scores(record)) / "record.json"
    if indent is not None:
        path.write_text(json.dumps(json.loads(path.read_text()), indent=indent))
    describe(tmp_path, ("a",), 1)
    assert look(tmp_path).to_json()["each"][0]["seconds"] == 80.5


def test_units_that_no_description_names_are_found(tmp_path: Path) -> None:
    describe(tmp_path, ("a",), 1)
    finish(tmp_path, "later", 3)
    beat(tmp_path, "later", 4)
    (tmp_path / "later" / "seed-5").mkdir()  # of nobody
    (tmp_path / "later" / "notes").mkdir()
    assert states(tmp_path) == {("a", 0): "waiting", ("later", 3): "finished", ("later", 4): "running"}
