"""What an engine is, and the two that run on this machine."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Protocol

from nasbench_harness.engines.job import Job
from nasbench_harness.errors import HarnessError
from nasbench_harness.records import Record
from nasbench_harness.system.progress import Progress
from nasbench_harness.system.workers import Source, in_processes_from

Outcomes = Generator[tuple[int, Record | HarnessError], None, None]
"""Positions of units with their records, or with the errors they ended with."""

Work = Callable[[Job, Progress], Record]


class Engine(Protocol):
    """A way to get units done."""

    def outcomes(self, queue: Source, work: Work, progress: Progress) -> Outcomes:
        """Do ``work`` for the jobs of ``queue`` until it is closed; yields each outcome when it is there.

        Who stops before the end closes the generator, which ends what runs.
        """


@dataclass(frozen=True)
class Inline:
    """One unit after the other, in this process."""

    def outcomes(self, queue: Source, work: Work, progress: Progress) -> Outcomes:
        """See ``Engine``."""
        while queue.is_open():
            taken = queue.take()
            if taken is None:
                queue.wait()
                continue
            position, job, title = taken
            shown = progress.fork(title)
            try:
                yield position, work(job, shown)
            except HarnessError as error:
                yield position, error
            finally:
                shown.close()


@dataclass(frozen=True)
class Processes:
    """Up to ``workers`` units at the same time, each in a process of its own with so many ``threads`` of torch."""

    workers: int
    threads: int

    def outcomes(self, queue: Source, work: Work, progress: Progress) -> Outcomes:
        """See ``Engine``."""
        return in_processes_from(queue, work, self.workers, self.threads, progress)
