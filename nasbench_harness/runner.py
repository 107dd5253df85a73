"""Runs the units of an experiment: data opened once, finished units skipped, the others given to an engine."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from nasbench_harness.engines import Engine, Inline, Job, Processes, Queue, Shard, run_job
from nasbench_harness.engines.leftovers import tidy
from nasbench_harness.engines.readiness import check_threshold, check_units
from nasbench_harness.engines.units import Sources, finished_record, folder_of, stamp_of, units_of
from nasbench_harness.errors import HarnessError, RunError, StoppedEarlyError, SuspendedError, UsageError
from nasbench_harness.experiment import Experiment
from nasbench_harness.experiment.joining import joined
from nasbench_harness.records import Record
from nasbench_harness.records.light import light
from nasbench_harness.records.summary import sample_of
from nasbench_harness.system.claims import Claims
from nasbench_harness.system.devices import MOST_AT_ONCE, check_device
from nasbench_harness.system.environment import usable_cores
from nasbench_harness.system.estimate import Spent
from nasbench_harness.system.files import write_atomically
from nasbench_harness.system.memory import keep_freed_memory
from nasbench_harness.system.progress import Progress, follow
from nasbench_harness.system.stopping import listening, requested
from nasbench_harness.system.whole_run import WholeRun

if TYPE_CHECKING:
    from nasbench_harness.pipeline import Unit

__all__ = ["Sources", "check_experiment", "processes_a_unit", "run_experiment", "summary"]

NEEDED_SPACE = 50_000_000
"""Bytes that must be free before hours of training are started; a unit stores well under one megabyte."""

_WITHOUT_WEIGHTS = ", without its weights; --replace trains it again and keeps them"

Report = Callable[[str], None]


def run_experiment(
    experiment: Experiment,
    sources: Sources,
    out: Path | str,
    progress: Progress,
    report: Report,
    replace: bool = False,
    workers: int = 1,
    after_unit: Callable[[Record], object] | None = None,
    stop_below: float | None = None,
    keep_weights: bool = False,
    tensorboard: Path | None = None,
    shard: Shard | None = None,
    stop_after: float | None = None,
) -> list[Record]:
    """Run every unit that is not finished and return the records of all, in the order of strategies and seeds.

    They are ``light``, which is enough for a table; ``after_unit`` gets whole ones.
    ``report`` gets a line for each unit, ``after_unit`` the record of each that this call finished, once it is stored;
    what ``after_unit`` raises ends the run. With several ``workers`` units run in processes of their own, so many at a
    time; where fewer units than workers wait, each has ``processes_a_unit`` for its parts. The records are the same as
    with one worker, as long as ``sources.threads`` is. Interrupted, it leaves the finished
    units in place and checkpoints of the others. A unit that fails does not stop the others; after them ``RunError``
    names the failures. A unit whose trajectory has a tau below ``stop_below`` is stopped and reported: it has no record
    and keeps its checkpoints, so that a run without ``stop_below`` finishes it; ``StoppedEarlyError`` where none is
    left. With ``keep_weights`` each unit that is trained now leaves its networks beside its record. ``tensorboard``: a
    folder for event files of each unit. With a ``shard`` only its units are run, waited for and returned. After
    ``stop_after`` seconds, or at SIGTERM and SIGUSR1 in the main thread, what runs stops at its next checkpoint;
    ``SuspendedError`` where units are unfinished then. Raises
    ``UsageError`` when ``out`` cannot be written or holds a unit of another protocol (unless ``replace``), and the
    errors of opening images and truth.
    """
    from nasbench_harness.supernet.weights import WEIGHTS_FILE

    out, threads = Path(out), _threads(sources, workers)
    check_threshold(experiment, stop_below)
    keep_freed_memory()
    _check_folder(out)
    all_units = units_of(experiment, sources)
    units = all_units if shard is None else shard.of(all_units)
    before = [stamp_of(unit, out) for unit in units]
    finished = [None if replace else finished_record(unit, out) for unit in units]
    titles = [f"[{number}/{len(units)}] {unit.strategy} seed {unit.seed}" for number, unit in enumerate(units, 1)]
    records = {position: record for position, record in enumerate(finished) if record is not None}

    def finished_since(position: int) -> Record | None:
        unit = units[position]
        return None if replace and stamp_of(unit, out) == before[position] else finished_record(unit, out)

    asked = {(unit.strategy, unit.seed) for unit in all_units}
    with (
        listening(stop_after),
        Claims() as claims,
        joined(experiment, units[0].description["data"], out, asked, claims, report),
    ):
        for position in records:
            tidy(folder_of(units[position], out), claims)
            without = keep_weights and not (folder_of(units[position], out) / WEIGHTS_FILE).is_file()
            report(f"{titles[position]}: finished earlier, kept{_WITHOUT_WEIGHTS if without else ''}")
        waiting = [position for position in range(len(units)) if position not in records]
        check_units((units[position] for position in waiting), keep_weights)
        processes = processes_a_unit(workers, len(waiting))
        jobs = [
            (at, Job(units[at], out, processes, stop_below, keep_weights, tensorboard), titles[at]) for at in waiting
        ]
        whole = WholeRun(
            {titles[at]: units[at].strategy for at in waiting},
            [(record.strategy, Spent.of(record.cost)) for record in records.values()],
        )
        follow(progress, whole)
        gathered = _Gathered(units, titles, report, after_unit, whole, records)
        queue = Queue(jobs, claims, finished_since, gathered.found, report)
        engine: Engine = Processes(workers, threads) if workers > 1 and len(jobs) > 1 else Inline()
        with closing(engine.outcomes(queue, run_job, progress)) as done:
            for position, outcome in done:
                queue.release(position)
                gathered.take(position, outcome)
        reason = requested()
    gathered.check(reason)
    return [records[position] for position in sorted(records)]


def check_experiment(
    experiment: Experiment,
    sources: Sources,
    out: Path,
    replace: bool = False,
    stop_below: float | None = None,
    keep_weights: bool = False,
) -> None:
    """Raise what ``run_experiment`` would find before it trains: for a grid, before its first point is."""
    _threads(sources, 1)
    check_threshold(experiment, stop_below)
    units = units_of(experiment, sources)
    check_units((unit for unit in units if replace or finished_record(unit, out) is None), keep_weights)


@dataclass(frozen=True)
class _Gathered:
    """What became of the units so far, each told by a line."""

    units: Sequence[Unit]
    titles: Sequence[str]
    report: Report
    after_unit: Callable[[Record], object] | None
    whole: WholeRun
    records: dict[int, Record]
    failures: list[str] = field(default_factory=list)

    def found(self, position: int, record: Record) -> None:
        """Another run has finished the unit."""
        self.whole.end(self.titles[position], record.cost)
        self.report(f"{self.titles[position]}: finished by another run")
        self.records[position] = record

    def take(self, position: int, outcome: Record | HarnessError) -> None:
        """This run has; an error that is no failure of the unit alone is raised."""
        unit, title = self.units[position], self.titles[position]
        self.whole.end(title, None if isinstance(outcome, Exception) else outcome.cost)
        if isinstance(outcome, SuspendedError):
            self.report(f"{title}: stopped at a checkpoint")
        elif isinstance(outcome, StoppedEarlyError):
            self.report(f"{title}: {outcome}; unfinished, the same command without --stop-below goes on")
        elif isinstance(outcome, RunError):
            self.failures.append(f"{unit.strategy} seed {unit.seed}: {outcome}")
            self.report(f"{title}: failed: {outcome}")
        elif isinstance(outcome, Exception):
            raise outcome
        else:
            self.report(f"{title}: {summary(outcome)}")
            self.records[position] = light(outcome)
            if self.after_unit is not None:
                self.after_unit(outcome)

    def check(self, reason: str | None) -> None:
        """Raise what stands in the way of a whole run; ``reason``: why it was asked to stop."""
        failures, count = self.failures, len(self.units)
        if reason is not None and len(self.records) < count:
            left = f"{count - len(self.records)} of {count} units are unfinished"
            raise SuspendedError(f"{reason}; {left}, their checkpoints are kept, the same command resumes")
        if failures:
            raise RunError(f"{len(failures)} of {count} units failed ({'; '.join(failures)}); the others are stored")
        if not self.records:
            raise StoppedEarlyError(
                "every unit was stopped early; run without --stop-below, or with less, to finish them"
            )


def processes_a_unit(workers: int, units: int) -> int:
    """Processes for the parts of each unit: units come first, and only whole shares of the workers are given."""
    return max(1, workers // max(1, min(workers, units)))


def _threads(sources: Sources, workers: int) -> int:
    """Threads of torch for each process, set in this one too; ``UsageError`` for an impossible device or number."""
    import torch

    check_device(sources.device)
    for name, count in (("workers", workers), ("threads", sources.threads)):
        if count is not None and count < 1:
            raise UsageError(f"{name} must be at least 1, found {count}")
        if count is not None and count > MOST_AT_ONCE:
            raise UsageError(f"{name} must be at most {MOST_AT_ONCE:,}, found {count}")
    threads = sources.threads
    if threads is None and workers > 1:
        threads = max(1, usable_cores() // workers)
    if threads is not None:
        torch.set_num_threads(threads)
    return torch.get_num_threads()


def _check_folder(out: Path) -> None:
    """Writable and with room, found out now and not after an hour of training."""
    probe = out / ".writable"
    write_atomically(probe, lambda stream: stream.write(b"\n"))
    probe.unlink(missing_ok=True)  # another run may look at the same time
    free = shutil.disk_usage(out).free
    if free < NEEDED_SPACE:
        raise RunError(f"{free / 1e6:.0f} MB of disk space left for {out}, {NEEDED_SPACE / 1e6:.0f} needed; free some")


def summary(record: Record) -> str:
    """A line on a finished unit: tau by each signal (undefined when all scores are equal), and the time it took."""
    parts = []
    for name in record.signals:
        tau = record.column(name)["kendall_tau"]
        parts.append(f"tau-b {'undefined' if tau is None else f'{tau:.3f}'} ({name.replace('_', ' ')})")
    cost = record.cost
    if sample_of(record) is not None:
        parts[-1] += f", n = {record.truth['n']:,}"
    return f"{', '.join(parts)}; {cost['training_seconds']:.0f} s training, {cost['scoring_seconds']:.0f} s scoring"
