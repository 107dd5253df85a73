"""What an engine does for a unit: run it, store its record, remove its checkpoints."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nasbench_harness.errors import RunError
from nasbench_harness.records import Record, unit_dir, write_record
from nasbench_harness.records.store import CHECKPOINTS, CLAIM_FILE
from nasbench_harness.system.claims import stands
from nasbench_harness.system.event_files import EventFiles
from nasbench_harness.system.heartbeat import heartbeat
from nasbench_harness.system.meter import PLANNED
from nasbench_harness.system.progress import Progress, tell

if TYPE_CHECKING:
    from nasbench_harness.pipeline import Unit


@dataclass(frozen=True)
class Job:
    """A unit, the folder of the run, how many processes the unit may have, and what else was asked for.

    ``token``: that of the claim under which the unit is run; empty where nobody else can be in the folder.
    ``tensorboard``: folder for event files; None: none are written.
    """

    unit: Unit
    out: Path
    processes: int = 1
    stop_below: float | None = None
    keep_weights: bool = False
    tensorboard: Path | None = None
    token: str = ""

    @property
    def folder(self) -> Path:
        """The unit's own."""
        return unit_dir(self.out, self.unit.strategy, self.unit.seed)


def run_job(job: Job, progress: Progress) -> Record:
    """Run a unit, store its record, and remove its checkpoints: they have served.

    Raises ``RunError`` where the unit's claim is another's at the end: this process was taken for dead.
    """
    from nasbench_harness.pipeline import run_unit
    from nasbench_harness.supernet.weights import WEIGHTS_FILE

    unit, folder = job.unit, job.folder
    experiment, facts = unit.experiment, {"strategy": unit.strategy, "seed": unit.seed}
    work = folder / CHECKPOINTS
    kept = folder / WEIGHTS_FILE if job.keep_weights else None
    events = None
    if job.tensorboard is not None:
        progress = events = EventFiles(progress, unit_dir(job.tensorboard, unit.strategy, unit.seed))
    with heartbeat(progress, work, facts) as shown:
        tell(shown, {PLANNED: experiment.updates(unit.strategy, len(unit.images.train))})
        record, scores = run_unit(unit, shown, work, job.processes, job.stop_below, kept)
        if job.token and not stands(folder / CLAIM_FILE, job.token):
            raise RunError(f"{folder} was taken over by another run while this one was silent; its result is dropped")
        write_record(job.out, record, scores)
    if events is not None:
        events.finish(record.metrics)
        events.close()
    shutil.rmtree(work, ignore_errors=True)
    return record
