"""A run whose units are done elsewhere: commands for what is unfinished are handed over, and waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from nasbench_harness.data import resolve
from nasbench_harness.engines.command import RunOptions
from nasbench_harness.engines.elsewhere import Batch, Elsewhere, Task
from nasbench_harness.engines.leftovers import tidy
from nasbench_harness.engines.needs import Needs, needs_of, processes_of
from nasbench_harness.engines.readiness import check_threshold, check_units
from nasbench_harness.engines.shard import Shard
from nasbench_harness.engines.units import Sources, finished_record, folder_of, units_of
from nasbench_harness.errors import RunError, SuspendedError, UsageError
from nasbench_harness.experiment import Experiment
from nasbench_harness.experiment.joining import joined
from nasbench_harness.experiment.status import STATES, read_status
from nasbench_harness.records import Record
from nasbench_harness.report.status import summary
from nasbench_harness.system.claims import Claims
from nasbench_harness.system.devices import MOST_AT_ONCE
from nasbench_harness.system.progress import Progress
from nasbench_harness.system.stopping import check, listening

if TYPE_CHECKING:
    from nasbench_harness.pipeline import Unit

SECONDS_BETWEEN_POLLS = 1.0
SECONDS_BETWEEN_LOOKS = 5.0
"""At the folder, for a line on how far the units are; more where looking takes long."""

Report = Callable[[str], None]


@dataclass(frozen=True)
class Point:
    """One experiment of a run, or of a grid: its units, the folder of their records, those that were finished.

    ``images``: where they were found; None: they come with a package.
    """

    name: str
    folder: Path
    units: list[Unit]
    finished: dict[int, Record]
    images: Path | None = None

    def unfinished(self) -> int:
        """How many units have no record by now."""
        return sum(finished_record(unit, self.folder) is None for unit in self.units)


def open_point(
    name: str, experiment: Experiment, folder: Path, options: RunOptions, progress: Progress, report: Report
) -> Point:
    """The units of an experiment and what is there of them; its description is left in the folder for ``status``.

    What the dead left beside finished units is removed, for no task will visit them.
    Raises what a run here would raise before it trains: ``UsageError`` for another protocol in the folder and for what
    cannot be trained as asked, ``DataError`` for missing data.
    """
    check_threshold(experiment, options.stop_below)
    images, truth = resolve(experiment, options.images, options.truth, options.fetch, progress)
    units = units_of(experiment, Sources(images, options.split, truth, options.device))
    found = ((place, finished_record(unit, folder)) for place, unit in enumerate(units))
    finished = {place: record for place, record in found if record is not None}
    check_units((unit for place, unit in enumerate(units) if place not in finished), options.keep_weights)
    asked = {(unit.strategy, unit.seed) for unit in units}
    folder.mkdir(parents=True, exist_ok=True)
    with Claims() as claims, joined(experiment, units[0].description["data"], folder, asked, claims, report):
        for place in finished:
            tidy(folder_of(units[place], folder), claims)
    return Point(name, folder, units, finished, None if images is None else Path(images))


def tasks_of(points: list[Point], options: RunOptions, needs: Needs, most: int) -> list[Task]:
    """A command for each unit that is unfinished, or for several where there are more than ``most``."""
    threads, inner = options.threads or needs.cores, processes_of(needs, options.threads)
    most = max(1, most // len(points))
    tasks = []
    for point in points:
        count = min(most, len(point.units))
        for number in range(1, count + 1):
            shard = Shard(number, count)
            mine = [place for place in shard.of(range(len(point.units))) if place not in point.finished]
            if not mine:
                continue
            command = replace(
                options,
                point=point.name or None,
                images=point.images,
                shard=str(shard),
                threads=threads,
                workers=None if inner == 1 else inner,
            )
            first = point.units[mine[0]]
            more = f" and {len(mine) - 1} more" if len(mine) > 1 else ""
            title = f"{point.name + ' ' if point.name else ''}{first.strategy} seed {first.seed}{more}"
            tasks.append(Task(title, tuple(command.arguments())))
    return tasks


def check_options(options: RunOptions) -> None:
    """``UsageError`` for what has no meaning where units are done elsewhere."""
    workers = options.workers
    if options.shard is not None:
        raise UsageError("--shard is made by the engine; give --shard alone, or --engine alone")
    if options.replace:
        raise UsageError(
            "--replace would do units again whenever a task is requeued; remove their records first (results rm)"
        )
    if options.stop_after is not None:
        raise UsageError("--stop-after is for runs on this machine; elsewhere the time of a task is --needs time=4h")
    if workers is not None and not 1 <= workers <= MOST_AT_ONCE:
        raise UsageError(f"workers must be from 1 to {MOST_AT_ONCE:,}, found {workers}")


def submit(engine: Elsewhere, points: list[Point], options: RunOptions, needs: str | None) -> tuple[Batch, list[Task]]:
    """Hand over what is unfinished of the points, of which at least one unit is."""
    finished = [record for point in points for record in point.finished.values()]
    wanted = needs_of(needs, options.threads, options.device, finished)
    tasks = tasks_of(points, options, wanted, engine.most_tasks)
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    return engine.begin(tasks, wanted, options.workers, (options.out or points[0].folder) / "logs" / stamp), tasks


def wait_for(batch: Batch, tasks: list[Task], points: list[Point], report: Report) -> None:
    """Until all tasks have ended, with a line whenever the counts of the folder change.

    Raises ``SuspendedError`` where units were left at a checkpoint, ``RunError`` where units are unfinished otherwise.
    On Ctrl-C what goes on is told first; so it is at SIGTERM and SIGUSR1, with ``SuspendedError``.
    """
    open_tasks, codes = set(range(len(tasks))), dict[int, int | None]()
    looks = _Looks(points, report)
    with listening():
        try:
            while open_tasks:
                check()
                for position, code in batch.ended().items():
                    open_tasks.discard(position)
                    codes[position] = code
                    if code != 0:
                        how = "died" if code is None else f"ended with exit code {code}"
                        report(f"{tasks[position].title}: {how}")
                looks.look(last=not open_tasks)
                if open_tasks:
                    time.sleep(SECONDS_BETWEEN_POLLS)
        except (KeyboardInterrupt, SuspendedError):
            report(batch.leave())
            raise
    left = sum(point.unfinished() for point in points)
    if not left:
        return
    count = sum(len(point.units) for point in points)
    bad = [position for position, code in codes.items() if code not in (0, None)]
    text = f"{left} of {count} units are unfinished; the same command goes on with them"
    if bad and all(codes[position] == SuspendedError.exit_code for position in bad):
        raise SuspendedError(text)
    raise RunError(f"{text}; why: {batch.told.get('logs', 'see the lines above')}")


class _Looks:
    """At the folders, now and then; a line on each when the count of units in some state has changed."""

    def __init__(self, points: list[Point], report: Report) -> None:
        self._points, self._report = points, report
        self._next, self._told = 0.0, list[list[int]]()

    def look(self, last: bool) -> None:
        if (begun := time.monotonic()) < self._next and not last:
            return
        runs = [run for point in self._points for run in read_status(point.folder)]
        counts = [[len(run.of(state)) for state in STATES] for run in runs]
        for run in runs if counts != self._told else []:
            self._report(summary(run))
        self._told = counts
        self._next = time.monotonic() + max(SECONDS_BETWEEN_LOOKS, 20 * (time.monotonic() - begun))
