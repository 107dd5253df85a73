"""Units as tasks of one SLURM job array, by submitit: each is the command of a shard, requeued at its time limit."""

from __future__ import annotations

import math
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import submitit
from submitit.core.utils import FailedJobError, FailedSubmissionError
from submitit.slurm.slurm import SlurmJob

from nasbench_harness.engines.elsewhere import Task
from nasbench_harness.engines.needs import Needs
from nasbench_harness.engines.slurm_task import run_task
from nasbench_harness.errors import RunError, UsageError
from nasbench_harness.system.files import write_json
from nasbench_harness.system.reading import read_json

USUAL_TIME = 4 * 3600.0
"""Seconds of a task where nothing tells: short enough to be started soon, long enough for the loss at a requeue."""
NOTICE = 300
"""Seconds before the limit at which a task is told: time to reach its next checkpoint, an epoch at most."""
MOST_REQUEUES = 100_000
TASKS_FILE = "tasks.json"


@dataclass
class Slurm:
    """``cluster``: ``slurm``; ``local`` and ``debug`` are submitit's stand-ins for it on this machine, for tests.

    Raises ``UsageError`` where nothing can be submitted.
    """

    cluster: str = "slurm"
    most_tasks: int = 1000  # as many as an array has by default (MaxArraySize)
    detaches: bool = True

    def __post_init__(self) -> None:
        """Look for the commands now: nothing has been written yet."""
        for command in ("sbatch", "srun") if self.cluster == "slurm" else ():
            if shutil.which(command) is None:
                raise UsageError(f"--engine slurm: no {command} here; start it where jobs of SLURM are submitted")

    def begin(self, tasks: Sequence[Task], needs: Needs, at_once: int | None, logs: Path) -> SlurmBatch:
        """Submit the tasks, or find the job of an earlier command that is still at them; see ``Elsewhere``."""
        if self.cluster == "slurm" and (standing := _standing(tasks, logs.parent)) is not None:
            return standing
        executor = self._executor(logs)
        executor.update_parameters(**self._parameters(needs, at_once or len(tasks), logs))
        endings = [str(_ending(logs, position)) for position in range(len(tasks))]
        try:
            jobs = executor.map_array(run_task, [list(task.arguments) for task in tasks], endings)
        except (FailedJobError, FailedSubmissionError) as error:
            raise UsageError(
                f"sbatch refused the job ({' '.join(str(error).split())[:300]}); change --needs, or give partition and "
                "account by SBATCH_PARTITION and SBATCH_ACCOUNT"
            ) from error
        except OSError as error:
            raise RunError(f"cannot submit from {logs}: {error.strerror}") from error
        job = jobs[0].job_id.partition("_")[0]
        listed = [{"title": task.title, "arguments": list(task.arguments)} for task in tasks]
        write_json(logs / TASKS_FILE, {"job": job, "array": len(tasks) > 1, "tasks": listed})
        return SlurmBatch(job, f"SLURM job {job}: {len(tasks)} tasks of {needs}", logs, dict(enumerate(jobs)))

    def _executor(self, logs: Path) -> Any:
        if self.cluster == "local":
            return submitit.LocalExecutor(logs, max_num_timeout=MOST_REQUEUES)
        if self.cluster == "debug":
            return submitit.DebugExecutor(logs)
        return submitit.SlurmExecutor(logs, max_num_timeout=MOST_REQUEUES)

    def _parameters(self, needs: Needs, at_once: int, logs: Path) -> dict[str, Any]:
        seconds = needs.time or USUAL_TIME
        notice = min(NOTICE, int(seconds / 4))
        if self.cluster != "slurm":
            return {"timeout_min": seconds / 60, "signal_delay_s": notice}
        asked: dict[str, Any] = {
            "job_name": f"nasbench-harness-{logs.parents[1].name}",
            "time": math.ceil(seconds / 60),
            "signal_delay_s": notice,
            "cpus_per_task": needs.cores,
            # srun takes the cores of the job no more by itself
            "srun_args": [f"--cpus-per-task={needs.cores}"],
            "array_parallelism": at_once,
            "additional_parameters": {"requeue": True},
            "stderr_to_stdout": True,
            "wckey": None,  # submitit's own is refused where keys are checked
        }
        if needs.megabytes is not None:
            asked["mem"] = f"{needs.megabytes}M"
        if needs.gpu:
            asked["gpus_per_node"] = math.ceil(needs.gpu)  # it knows no shares of one
        return asked


@dataclass
class SlurmBatch:
    """Tasks of a job: ``jobs`` by position, as submitit has them."""

    job: str
    line: str
    logs: Path
    jobs: dict[int, Any]
    told: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        """Put into words what it is."""
        line = f"{self.line}; logs in {self.logs}"
        self.told = {"engine": "slurm", "line": line, "job": self.job, "logs": str(self.logs)}

    def ended(self) -> Mapping[int, int | None]:
        """See ``Batch``: by the files that tasks leave, and by what SLURM says of those that left none."""
        found: dict[int, int | None] = {}
        for position, job in self.jobs.items():
            # first whether it has ended: it may write the file between two looks
            over = _is_over(job)
            code = _code(_ending(job.paths.folder, _place(job, position)))
            if over or code is not None:
                found[position] = code
        for position in found:
            del self.jobs[position]
        return found

    def leave(self) -> str:
        """See ``Batch``."""
        out = self.logs.parents[1]
        return (
            f"SLURM job {self.job} goes on with {len(self.jobs)} tasks: 'nasbench-harness status {out} --watch' shows "
            f"them, the same command waits for them, 'scancel {self.job}' ends them"
        )


def _standing(tasks: Sequence[Task], folder: Path) -> SlurmBatch | None:
    """The job of an earlier command that has all of the tasks, none of them ended, and is not over."""
    for path in sorted(folder.glob(f"*/{TASKS_FILE}"), reverse=True):
        try:
            stored = read_json(path)
            job, places = str(stored["job"]), {tuple(one["arguments"]): at for at, one in enumerate(stored["tasks"])}
            array = bool(stored["array"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if not job.isdigit() or not all(task.arguments in places for task in tasks) or not _queued(job):
            continue
        ids = {position: places[task.arguments] for position, task in enumerate(tasks)}
        if any(_ending(path.parent, place).exists() for place in ids.values()):
            continue
        jobs = {at: SlurmJob[None](path.parent, f"{job}_{place}" if array else job) for at, place in ids.items()}
        return SlurmBatch(job, f"SLURM job {job} is still at it, {len(jobs)} tasks", path.parent, jobs)
    return None


def _queued(job: str) -> bool:
    command = ["squeue", "--noheader", "--format=%i", f"--jobs={job}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and bool(done.stdout.strip())


def _is_over(job: Any) -> bool:
    """Whether the scheduler says so; of SLURM's it is asked for all at once, seldom, and only what has no file."""
    if isinstance(job, SlurmJob):
        return job.watcher.is_done(job.job_id)
    return bool(job.done())


def _place(job: Any, position: int) -> int:
    """Of a task in its array."""
    number = str(job.job_id).partition("_")[2]
    return int(number) if isinstance(job, SlurmJob) and number else position


def _ending(logs: Path, position: int) -> Path:
    return logs / f"exit-{position}"


def _code(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
