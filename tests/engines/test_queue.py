"""The queue of units: each goes to one of the runs that share a folder, and what others have comes last."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from nasbench_harness.engines import Inline, Job, Queue
from nasbench_harness.engines import queue as queues
from nasbench_harness.errors import RunError
from nasbench_harness.records.store import CHECKPOINTS, CLAIM_FILE
from nasbench_harness.system.claims import Claims
from nasbench_harness.system.files import temporary_beside
from nasbench_harness.system.owners import Owner
from nasbench_harness.system.progress import Silent


@dataclass(frozen=True)
class Name:
    """All of a unit that a queue looks at."""

    strategy: str
    seed: int


class Run:
    """A run of ``count`` units whose records are files with the word of the run that made them."""

    def __init__(self, out: Path, count: int = 3, word: str = "") -> None:
        self.out, self.word = out, word
        self.lines: list[str] = []
        self.found: dict[int, Any] = {}
        self.claims = Claims(beat=None)
        jobs: list[Any] = [(at, Job(Name("unit", at), out), f"unit {at}") for at in range(count)]  # type: ignore[arg-type]
        self.queue = Queue(jobs, self.claims, self.finished, self.found.__setitem__, self.lines.append)

    def finished(self, position: int) -> Any:
        path = self.out / "unit" / f"seed-{position}" / "record.json"
        return path.read_text() if path.exists() else None

    def work(self, job: Job, progress: object) -> Any:
        with open(job.folder / "record.json", "x") as stream:  # fails where another was here
            time.sleep(0.002)
            stream.write(self.word)
        return self.word

    def whole(self, work: Callable[..., Any] | None = None) -> list[tuple[int, Any]]:
        outcomes = []
        with self.claims:
            for position, outcome in Inline().outcomes(self.queue, work or self.work, Silent()):
                self.queue.release(position)
                outcomes.append((position, outcome))
        return outcomes


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "SECONDS_BETWEEN_LOOKS", 0.01)


def claimed_by(owner: Owner, out: Path, position: int) -> Path:
    path = out / "unit" / f"seed-{position}" / CLAIM_FILE
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(owner.to_json()))
    return path


def test_several_runs_share_the_units_and_do_each_once(tmp_path: Path) -> None:
    runs = [Run(tmp_path, 40, f"run {number}") for number in range(3)]
    with ThreadPoolExecutor(3) as pool:
        outcomes = list(pool.map(Run.whole, runs))
    assert sorted(position for done in outcomes for position, _ in done) == list(range(40))
    for run, done in zip(runs, outcomes, strict=True):
        assert sorted([*run.found, *dict(done)]) == list(range(40)), "each ends with the records of all"
    assert not list(tmp_path.rglob(CLAIM_FILE))


def test_a_unit_of_a_living_other_comes_last_and_its_record_is_taken(tmp_path: Path) -> None:
    path = claimed_by(replace(Owner.me(), host="gpu7", place="its", pid=12), tmp_path, 0)
    run = Run(tmp_path, 3, "mine")

    def say(line: str) -> None:
        run.lines.append(line)
        (path.parent / "record.json").write_text("theirs")  # while it is waited for

    run.queue._report = say
    assert run.whole() == [(1, "mine"), (2, "mine")]
    assert run.found == {0: "theirs"}
    assert run.lines == ["waiting for process 12 on gpu7, which runs unit seed 0"]


def test_a_unit_of_one_who_falls_silent_is_taken_over(tmp_path: Path) -> None:
    path = claimed_by(replace(Owner.me(), host="gpu7", place="its"), tmp_path, 0)
    run = Run(tmp_path, 2, "mine")
    run.queue._report = lambda line: os.utime(path, (0, 0))
    assert run.whole() == [(1, "mine"), (0, "mine")]


def test_a_unit_that_was_finished_just_before_the_claim_is_not_done_again(tmp_path: Path) -> None:
    run = Run(tmp_path, 1)
    answers = iter([None, "theirs"])
    run.queue._finished = lambda position: next(answers)
    assert run.whole() == []
    assert run.found == {0: "theirs"}
    assert not (tmp_path / "unit" / "seed-0" / CLAIM_FILE).exists()


def test_a_unit_that_fails_is_given_up(tmp_path: Path) -> None:
    def fail(job: Job, progress: object) -> Any:
        assert (job.folder / CLAIM_FILE).exists()
        raise RunError("diverged")

    [(position, error)] = Run(tmp_path, 1).whole(fail)
    assert (position, str(error)) == (0, "diverged")
    assert not (tmp_path / "unit" / "seed-0" / CLAIM_FILE).exists()


def test_what_the_dead_left_half_written_is_swept_and_the_rest_stays(tmp_path: Path) -> None:
    folder = tmp_path / "unit" / "seed-0"
    (folder / CHECKPOINTS).mkdir(parents=True)
    living = [temporary_beside(folder / "record.json"), folder / "notes.part"]
    mine = living[0].name
    dead = folder / CHECKPOINTS / mine.replace(f".{os.getpid()}.", ".2147483647.")
    elsewhere = [folder / f".{name}.gpu7.1.0123456789ab.part" for name in ("old", "new")]
    for path in (*living, dead, *elsewhere):
        path.write_text("")
    os.utime(elsewhere[0], (0, 0))
    Run(tmp_path, 1).whole()
    left = {path.name for path in folder.rglob("*.part")}
    assert left == {mine, "notes.part", elsewhere[1].name}
