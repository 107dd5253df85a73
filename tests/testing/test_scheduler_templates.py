"""Scripts for schedulers, run with commands that stand for theirs and ours."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from nasbench_harness.cli import main
from nasbench_harness.engines import Shard
from nasbench_harness.engines.needs import Needs
from nasbench_harness.system.stopping import seconds_of


@pytest.fixture
def bash(tmp_path: Path) -> str:
    """The folder of the commands ``srun``, ``scontrol`` and ``nasbench-harness``, which say what they were given."""
    if shutil.which("bash") is None:
        pytest.skip("no bash")
    commands = {
        "nasbench-harness": 'echo "$@"; exit ${CODE:-0}',
        "srun": 'shift; exec "$@"',
        "scontrol": 'echo "scontrol $@"',
    }
    for name, text in commands.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    return str(tmp_path)


def outcome(bash: str, *command: str, **variables: str) -> tuple[int, list[str]]:
    environment = {"PATH": f"{bash}{os.pathsep}{os.environ['PATH']}", **variables}
    done = subprocess.run(["bash", *command], env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert not done.stderr
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize(("code", "more"), [("0", []), ("4", []), ("75", ["scontrol requeue 12_8"])])
def test_a_slurm_task_runs_its_shard_and_requeues_itself_where_it_is_unfinished(
    tmp_path: Path, bash: str, code: str, more: list[str]
) -> None:
    assert main(["new", "slurm", "my-study", "--to", str(tmp_path)]) == 0
    script = tmp_path / "my-study.sbatch"
    found, said = outcome(bash, str(script), SLURM_ARRAY_TASK_ID="8", SLURM_ARRAY_JOB_ID="12", CODE=code)
    assert found == int(code)
    assert said[0].startswith("run my-study.toml --out results/my-study --shard 8/8 ")
    assert said[1:] == more
    text = script.read_text()
    hours, minutes = re.findall(r"--time=(\d+):(\d+):00", text)[0]
    stop = seconds_of(re.findall(r"--stop-after (\S+)", text)[0])
    assert stop < int(hours) * 3600 + int(minutes) * 60
    needs = Needs().changed(re.findall(r"--needs (\S+)", text)[0])
    assert needs.time == int(hours) * 3600 + int(minutes) * 60
    assert [str(needs.cores)] * 3 == re.findall(r"(?:--cpus-per-task=|--threads )(\d+)", text)
    assert f"#SBATCH --mem={needs.megabytes // 1024}G" in text
    array = re.findall(r"--array=1-(\d+)", text)
    assert array == re.findall(r"SHARDS=(\d+)", text)


def test_pods_of_a_kubernetes_job_run_all_shards(tmp_path: Path, bash: str) -> None:
    yaml = pytest.importorskip("yaml")
    assert main(["new", "kubernetes", "my-study", "--to", str(tmp_path)]) == 0
    job = yaml.safe_load((tmp_path / "my-study-job.yaml").read_text())["spec"]
    command = job["template"]["spec"]["containers"][0]["command"]
    shards = []
    for index in range(job["completions"]):
        _, [said] = outcome(bash, "-c", command[2], JOB_COMPLETION_INDEX=str(index))
        shards.append(Shard.parse(re.findall(r"--shard (\S+)", said)[0]))
    assert sorted(unit for shard in shards for unit in shard.of(range(20))) == list(range(20))


def test_a_script_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "slurm", "study", "--to", str(tmp_path)]) == 0
    assert "runs study.toml as eight shards" in capsys.readouterr().err
    assert main(["new", "slurm", "study", "--to", str(tmp_path)]) == 2
    assert "study.sbatch exists and is not overwritten" in capsys.readouterr().err
