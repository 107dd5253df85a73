"""SLURM: what it is given, seen by commands that stand for its own; real tasks, by submitit's local executor."""

from __future__ import annotations

import json
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nasbench_harness.cli import main
from nasbench_harness.engines import child, elsewhere
from nasbench_harness.engines.elsewhere import Task
from nasbench_harness.engines.needs import Needs
from nasbench_harness.errors import UsageError
from nasbench_harness.records import read_record, stored_units
from nasbench_harness.system.claims import read_claim
from tests import tiny

pytest.importorskip("submitit")
from nasbench_harness.engines import slurm, slurm_task  # they need it
from nasbench_harness.engines.slurm import Slurm

TASKS = [Task(f"one seed {seed}", ("run", "a.toml", f"--shard={seed + 1}/3")) for seed in range(3)]
Commands = Callable[..., None]


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """``commands(sbatch="...", ...)``: these programs alone are on the path, shell scripts of that text."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    slurm.SlurmJob.watcher.clear()  # one for the whole process

    def write(**texts: str) -> None:
        for name, text in texts.items():
            (folder / name).write_text(f"#!/bin/sh\n{text}\n")
            (folder / name).chmod(0o755)

    return write


def test_all_tasks_are_one_array_that_is_requeued_at_its_limit(tmp_path: Path, commands: Commands) -> None:
    commands(sbatch="echo Submitted batch job 4711", srun="", sacct="", squeue="exit 1")
    logs = tmp_path / "study" / "logs" / "1"
    batch = Slurm().begin(TASKS, Needs(4, 0.5, 3 * 2**30, 4 * 3600.0), 2, logs)
    assert batch.told["job"] == "4711"
    assert batch.told["line"] == (f"SLURM job 4711: 3 tasks of 4 cores, 0.5 GPU, 3,072 MiB, 240 min; logs in {logs}")
    lines = (logs / "4711_submission.sh").read_text().splitlines()
    asked = dict(line.removeprefix("#SBATCH --").partition("=")[::2] for line in lines if line.startswith("#SBATCH"))
    assert asked == {
        "array": "0-2%2",
        "cpus-per-task": "4",
        "gpus-per-node": "1",
        "job-name": "nasbench-harness-study",
        "mem": "3072M",
        "nodes": "1",
        "open-mode": "append",
        "output": f"{logs}/%A_%a_0_log.out",
        "requeue": "",
        "signal": "USR2@300",
        "time": "240",
    }
    [command] = [line for line in lines if line.startswith("srun ")]
    assert "--cpus-per-task=4" in command
    assert command.endswith(f"{sys.executable} -u -m submitit.core._submit {logs}")
    for place, task in enumerate(TASKS):
        stored = pickle.loads((logs / f"4711_{place}_submitted.pkl").read_bytes())
        assert stored.function is slurm_task.run_task
        assert stored.args == (list(task.arguments), str(logs / f"exit-{place}"))
        assert stored._timeout_countdown == slurm.MOST_REQUEUES


def test_what_is_not_known_is_left_to_the_scheduler(tmp_path: Path, commands: Commands) -> None:
    commands(sbatch="echo Submitted batch job 9", srun="", sacct="")
    Slurm().begin(TASKS[:1], Needs(), None, tmp_path / "study" / "logs" / "1")
    text = (tmp_path / "study" / "logs" / "1" / "9_submission.sh").read_text()
    assert "--time=240" in text
    assert not any(word in text for word in ("--mem", "--gpus", "--array", "--wckey"))


def test_tasks_have_ended_where_they_left_their_code_or_the_scheduler_says_so(
    tmp_path: Path, commands: Commands
) -> None:
    listed = "JobID|State|NodeList\\n4711_0|RUNNING|a\\n4711_1|OUT_OF_MEMORY|a\\n4711_2|REQUEUED|a\\n"
    commands(sbatch="echo Submitted batch job 4711", srun="", squeue="exit 1", sacct=f"printf '{listed}'")
    logs = tmp_path / "study" / "logs" / "1"
    batch = Slurm().begin(TASKS, Needs(), None, logs)
    (logs / "exit-0").write_text("4\n")
    assert batch.ended() == {0: 4, 1: None}
    assert batch.ended() == {}
    assert batch.leave() == (
        f"SLURM job 4711 goes on with 1 tasks: 'nasbench-harness status {tmp_path / 'study'} --watch' shows them, the "
        "same command waits for them, 'scancel 4711' ends them"
    )


def test_the_same_command_waits_for_the_job_that_is_at_it(tmp_path: Path, commands: Commands) -> None:
    commands(sbatch="echo Submitted batch job 4711", srun="", sacct="", squeue="echo 4711_1")
    folder = tmp_path / "study" / "logs"
    Slurm().begin(TASKS, Needs(), None, folder / "1")
    again = Slurm().begin(TASKS[1:], Needs(), None, folder / "2")
    assert again.told["line"] == f"SLURM job 4711 is still at it, 2 tasks; logs in {folder / '1'}"
    (folder / "1" / "exit-2").write_text("0\n")
    assert again.ended() == {1: 0}
    commands(sbatch="echo Submitted batch job 4712")
    assert Slurm().begin([Task("other", ("run", "b.toml"))], Needs(), None, folder / "3").told["job"] == "4712"
    commands(squeue="echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1", sbatch="echo job 4713")
    assert Slurm().begin(TASKS[:1], Needs(), None, folder / "4").told["job"] == "4713"


def test_where_nothing_can_be_submitted_a_line_says_why(tmp_path: Path, commands: Commands) -> None:
    logs = tmp_path / "study" / "logs" / "1"
    with pytest.raises(UsageError, match="no sbatch here; start it where jobs of SLURM are submitted"):
        Slurm()
    commands(sbatch="echo 'sbatch: error: Requested node configuration is not available' >&2; exit 1", srun="")
    with pytest.raises(UsageError, match=r"sbatch refused the job \(.*node configuration.*SBATCH_PARTITION"):
        Slurm().begin(TASKS, Needs(), None, logs)


ENDS_75_WHEN_ASKED = """
import signal, sys, time
def stop(*_):
    sys.exit(75)
signal.signal(signal.SIGUSR1, stop)
open(sys.argv[1], "w").close()
time.sleep(30)
"""


@pytest.mark.parametrize("at_limit", [True, False])
def test_at_the_limit_the_command_stops_at_a_checkpoint_and_is_submitted_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_limit: bool
) -> None:
    started, ending = tmp_path / "started", tmp_path / "exit-0"
    monkeypatch.setattr(child, "program", lambda: (sys.executable, "-c", ENDS_75_WHEN_ASKED))
    again = []

    def at_the_signal(*_: object) -> None:
        again.append(slurm_task.checkpoint([str(started)], str(ending)))
        sys.exit(255)  # as submitit does

    def send() -> None:
        while not started.exists():
            time.sleep(0.01)
        if at_limit:
            os.kill(slurm_task._running[0]._process.pid, signal.SIGUSR2)  # SLURM's goes to all, and is ignored there
            os.kill(os.getpid(), signal.SIGUSR2)
        else:
            os.kill(slurm_task._running[0]._process.pid, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR2, at_the_signal)
    sender = threading.Thread(target=send)
    sender.start()
    try:
        with pytest.raises(SystemExit) as caught:
            slurm_task.run_task([str(started)], str(ending))
    finally:
        signal.signal(signal.SIGUSR2, before)
        sender.join()
    assert not ending.exists(), "the task has not ended"
    if at_limit:
        assert caught.value.code == 255
        assert again[0].function is slurm_task.run_task
        assert again[0].args == ([str(started)], str(ending))
    else:
        assert caught.value.code == 75
        assert not again


@pytest.mark.parametrize(
    ("program", "code", "ends_with"),
    [("import sys; sys.exit(4)", "4\n", 4), ("import os; os.kill(os.getpid(), 9)", "-9\n", 137)],
)
def test_a_task_ends_as_its_command_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, code: str, ends_with: int
) -> None:
    monkeypatch.setattr(child, "program", lambda: (sys.executable, "-c", program))
    with pytest.raises(SystemExit) as caught:
        slurm_task.run_task([], str(tmp_path / "exit-0"))
    assert caught.value.code == ends_with
    assert (tmp_path / "exit-0").read_text() == code


def test_tasks_run_one_after_the_other_where_they_are_debugged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "program", lambda: ("sh", "-c", f'echo "$@" >> {tmp_path / "said"}', "sh"))
    batch = Slurm("debug").begin(TASKS, Needs(), None, tmp_path / "study" / "logs" / "1")
    assert batch.ended() == {0: 0, 1: 0, 2: 0}
    assert (tmp_path / "said").read_text().splitlines() == [" ".join(task.arguments) for task in TASKS]


PLUGIN = (
    tiny.BY_FLOPS
    + '''
from nasbench_harness.system import stopping

@strategies.register("slow-at-first")
@dataclass(frozen=True)
class SlowAtFirst(Strategy):
    """Waits to be stopped when it is run for the first time."""

    log: str = ""

    def train(self, context: Context) -> Scorer:
        with open(self.log, "a+") as stream:
            stream.write("begun\\n")
            stream.seek(0)
            first = len(stream.readlines()) == 1
        while first:
            stopping.check()
            time.sleep(0.02)
        return ByFlops.of(context)
'''
)
SETTINGS = tiny.UNTRAINED


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> None:
    """``--engine slurm`` by submitit's executor for one machine."""
    monkeypatch.setattr(elsewhere, "engine_elsewhere", lambda name: Slurm("local"))


@pytest.mark.slow
def test_a_unit_goes_on_after_the_limit_of_its_task(
    tmp_path: Path, local: None, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "slow.py").write_text(PLUGIN)
    part = f'[strategies.slow]\nkind = "slow-at-first"\nlog = "{tmp_path / "log"}"\n'
    (tmp_path / "tiny.toml").write_text('seeds = [0]\nplugins = ["slow.py"]\n' + SETTINGS + part)
    claim = tmp_path / "out" / "slow" / "seed-0" / "claim.json"

    def reach_the_limit() -> None:
        while not (tmp_path / "log").exists():
            time.sleep(0.05)
        found = read_claim(claim)
        assert found is not None
        status = Path(f"/proc/{found[0].pid}/stat").read_text()
        os.kill(int(status.rpartition(")")[2].split()[1]), signal.SIGUSR2)  # to its parent, the task

    limit = threading.Thread(target=reach_the_limit)
    limit.start()
    code = main(["run", str(tmp_path / "tiny.toml"), "--out", str(tmp_path / "out"), "--engine", "slurm", "--json"])
    limit.join()
    said = capfd.readouterr()
    assert code == 0, said.err
    assert json.loads(said.out)["folder"] == str(tmp_path / "out")
    assert (tmp_path / "log").read_text() == "begun\nbegun\n"
    [log] = (tmp_path / "out" / "logs").glob("*/*_log.err")
    assert "stopped by SIGUSR1; 1 of 1 units are unfinished" in log.read_text()
    assert len(stored_units(tmp_path / "out")) == 1


@pytest.mark.slow
def test_every_engine_gives_the_same_bits(tmp_path: Path, local: None) -> None:
    (tmp_path / "tiny.toml").write_text("seeds = [0, 1]\n" + SETTINGS.replace("1000", "200") + tiny.ONE)
    command = ["run", str(tmp_path / "tiny.toml"), "--threads", "1", "--out"]
    ways = {
        "inline": [[]],
        "processes": [["--workers", "2"]],
        "shards": [["--shard", "1/2"], ["--shard", "2/2"]],
        "slurm": [["--engine", "slurm"]],
    }
    for name, runs in ways.items():
        for more in runs:
            assert main([*command, str(tmp_path / name), *more]) == 0
    for seed in (0, 1):
        found = {name: read_record(tmp_path / name, "one", seed) for name in ways}
        science = {}
        for name, record in found.items():
            assert record is not None
            assert {"node", "processor", "lanes", "threads"} <= set(record.environment)
            value = record.to_json()
            for other in ("created", "environment", "cost"):  # when, where and how fast
                value.pop(other)
            scores = (tmp_path / name / "one" / f"seed-{seed}" / "scores.parquet").read_bytes()
            science[name] = value, scores
        assert all(one == science["inline"] for one in science.values())
