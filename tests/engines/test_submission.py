"""Units done elsewhere: which commands are handed over, how they are waited for, and what is told at the end."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from nasbench_harness.cli import main
from nasbench_harness.engines import elsewhere, submission
from nasbench_harness.engines.elsewhere import Task, engine_elsewhere
from nasbench_harness.engines.needs import Needs
from nasbench_harness.errors import UsageError
from nasbench_harness.records import stored_units
from nasbench_harness.system.owners import Owner
from tests import tiny

SETTINGS = tiny.UNTRAINED
PLUGIN = (
    tiny.BY_FLOPS
    + '''
from nasbench_harness.errors import RunError

@strategies.register("untrained")
@dataclass(frozen=True)
class Untrained(Strategy):
    """Trains nothing; the unit of one seed may fail."""

    fails: int = -1

    def train(self, context: Context) -> Scorer:
        if context.seed_axes[1] == self.fails:
            raise RunError("as it was told to")
        return ByFlops.of(context)
'''
)


@dataclass
class InProcess:
    """An engine that runs each command in this process when it is asked what has ended."""

    most_tasks: int = 100
    detaches: bool = True
    begun: list[Task] = field(default_factory=list)
    given: dict[str, Any] = field(default_factory=dict)
    interrupted: bool = False
    stopped: bool = False
    told: dict[str, Any] = field(default_factory=lambda: {"engine": "in-process", "line": "job 7", "logs": "logs here"})

    def begin(self, tasks: Sequence[Task], needs: Needs, at_once: int | None, logs: Path) -> InProcess:
        self.begun += tasks
        self.given = {"needs": needs, "at_once": at_once, "logs": logs}
        self.waiting = list(enumerate(tasks))
        return self

    def ended(self) -> Mapping[int, int | None]:
        if self.interrupted:
            raise KeyboardInterrupt
        if self.stopped:
            signal.raise_signal(signal.SIGTERM)
            return {}
        position, task = self.waiting.pop(0)
        return {position: main(list(task.arguments))}

    def leave(self) -> str:
        return "job 7 goes on; end it with: cancel 7"


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> InProcess:
    made = InProcess()
    monkeypatch.setattr(elsewhere, "engine_elsewhere", lambda name: made)
    monkeypatch.setattr(submission, "SECONDS_BETWEEN_POLLS", 0.0)
    return made


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file for all tests: its strategy is registered once in this process."""
    path = tmp_path_factory.mktemp("plugin") / "untrained.py"
    path.write_text(PLUGIN)
    return path


Study = Callable[..., list[str]]


@pytest.fixture
def study(tmp_path: Path, plugin: Path) -> Study:
    """``study()``: the command that runs three units in ``tmp_path/out``, with the engine's name last."""

    def command(more: str = "", grid: str = "") -> list[str]:
        part = f'[strategies.untrained]\nkind = "untrained"\n{more}\n'
        (tmp_path / "tiny.toml").write_text(f'seeds = [0, 1, 2]\nplugins = ["{plugin}"]\n{SETTINGS}{part}{grid}')
        return ["run", str(tmp_path / "tiny.toml"), "--out", str(tmp_path / "out"), "--engine", "slurm"]

    return command


@pytest.mark.slow
def test_each_unfinished_unit_is_a_command_and_the_leaderboard_comes_last(
    tmp_path: Path, engine: InProcess, study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    command = study()
    assert main([*command[:-2], "--shard", "2/3"]) == 0
    left = tmp_path / "out" / "untrained" / "seed-1" / "claim.json"
    left.write_text(json.dumps(replace(Owner.me(), pid=2**31 - 1).to_json()))
    capsys.readouterr()
    assert main([*command, "--needs", "cores=4,time=1h", "--threads", "2", "--workers", "7", "--json"]) == 0
    said = capsys.readouterr()
    assert [task.title for task in engine.begun] == ["untrained seed 0", "untrained seed 2"]
    assert engine.begun[1].arguments[3:] == ("--threads=2", "--workers=2", "--shard=3/3")
    assert engine.given["needs"].cores == 4
    assert engine.given["needs"].time == 3600.0
    assert engine.given["needs"].memory is not None, "derived from the unit that is finished"
    assert engine.given["at_once"] == 7
    assert not left.exists(), "of one who died between the record and the end; no task comes there"
    assert engine.given["logs"].parent == tmp_path / "out" / "logs"
    assert "tiny: 3 of 3 units finished" in said.err
    assert [row["seeds"] for row in json.loads(said.out[said.out.rindex('{\n "folder"') :])["rows"]] == [[0, 1, 2]]
    assert main(command) == 0
    assert len(engine.begun) == 2, "nothing was left to do"


@pytest.mark.slow
def test_a_grid_is_handed_over_point_by_point(tmp_path: Path, engine: InProcess, study: Study) -> None:
    command = study(grid='[grid]\n"training.learning_rate" = [0.1, 0.2]\n')
    engine.most_tasks = 4
    assert main(command) == 0
    assert [task.title for task in engine.begun] == [
        f"learning_rate-0.{point} untrained seed {seeds}" for point in (1, 2) for seeds in ("0 and 1 more", "1")
    ]
    assert len(stored_units(tmp_path / "out" / "learning_rate-0.1")) == 3
    assert len(stored_units(tmp_path / "out" / "learning_rate-0.2")) == 3
    assert main([*command[:-2], "--point", "learning_rate-0.3"]) == 2


@pytest.mark.slow
def test_a_failure_is_told_with_its_unit(
    tmp_path: Path, engine: InProcess, study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(study("fails = 1")) == 4
    said = capsys.readouterr().err
    assert "untrained seed 1: ended with exit code 4" in said
    assert "1 of 3 units are unfinished; the same command goes on with them; why: logs here" in said
    assert len(stored_units(tmp_path / "out")) == 2


def test_who_detaches_or_interrupts_is_told_what_goes_on(
    tmp_path: Path, engine: InProcess, study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    command = study()
    assert main([*command, "--detach", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {
        "engine": "in-process",
        "tasks": 3,
        "line": "job 7 goes on; end it with: cancel 7",
        "logs": "logs here",
    }
    engine.interrupted = True
    assert main(command) == 130
    assert "job 7 goes on; end it with: cancel 7" in capsys.readouterr().err
    engine.interrupted, engine.stopped = False, True
    assert main(command) == 75
    assert "job 7 goes on; end it with: cancel 7" in capsys.readouterr().err
    assert main(["status", str(tmp_path / "out"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["waiting"] == 3
    engine.detaches = False
    assert main([*command, "--detach"]) == 2


def test_another_protocol_is_refused_before_anything_is_handed_over(
    tmp_path: Path, engine: InProcess, study: Study
) -> None:
    command = study()
    assert main([*command[:-2], "--shard", "1/3"]) == 0
    assert main([*command, "scoring.images=10"]) == 2
    assert not engine.begun


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--needs", "cores=2"], "--needs is for --engine slurm or ray"),
        (["--detach"], "--detach is for --engine slurm or ray"),
        (["--engine", "shard"], "--engine shard needs the share too, such as --shard 1/8"),
        (["--engine", "slurm", "--shard", "1/2"], "--shard is made by the engine"),
        (["--engine", "slurm", "--replace"], "--replace would do units again"),
        (["--engine", "slurm", "--stop-after", "1h"], "--needs time="),
        (["--engine", "slurm", "--workers", "0"], "workers must be from 1 to"),
        (["--point", "some"], "--point: quickstart has no point 'some'; it has no grid"),
    ],
)
def test_what_does_not_go_together_is_refused(
    options: list[str], line: str, engine: InProcess, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["run", "quickstart", "--out", str(tmp_path / "out"), *options]) == 2
    assert line in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", elsewhere.ELSEWHERE)
def test_a_missing_extra_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elsewhere, "find_spec", lambda package: None)
    with pytest.raises(UsageError, match=rf"pip install 'nasbench-harness\[{name}\]'"):
        engine_elsewhere(name)
