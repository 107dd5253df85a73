"""The units that wait, each claimed before it is handed out: several runs in one folder share them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from nasbench_harness.engines.job import Job
from nasbench_harness.records import Record
from nasbench_harness.records.store import CHECKPOINTS, CLAIM_FILE
from nasbench_harness.system.claims import Claims
from nasbench_harness.system.owners import Owner
from nasbench_harness.system.stopping import requested

SECONDS_BETWEEN_LOOKS = 2.0
"""At the units that others have."""


class Queue:
    """Jobs with their positions and titles. Units that living others have come last, and only if those leave them.

    ``finished`` gives the record of the unit at a position where there is one, and ``found`` is told of those that
    another run has stored meanwhile. ``report`` gets a line for each run that is waited for.
    """

    def __init__(
        self,
        jobs: Sequence[tuple[int, Job, str]],
        claims: Claims,
        finished: Callable[[int], Record | None],
        found: Callable[[int, Record], object],
        report: Callable[[str], object],
    ) -> None:
        self._fresh = list(jobs)[::-1]
        self._of_others: list[tuple[int, Job, str]] = []
        self._owners: dict[int, Owner] = {}
        self._claims, self._finished, self._found, self._report = claims, finished, found, report
        self._next_look = 0.0
        self._told: set[tuple[str, int, str]] = set()
        self._paths: dict[int, Path] = {}

    def take(self) -> tuple[int, Job, str] | None:
        """The next unit that is not finished and could be claimed; None while there is none."""
        while self._fresh:
            entry = self._fresh.pop()
            if (job := self._claimed(*entry)) is not None:
                return entry[0], job, entry[2]
        if time.monotonic() < self._next_look:
            return None
        looked, self._of_others = self._of_others, []
        while looked:
            entry = looked.pop(0)
            if (job := self._claimed(*entry)) is not None:
                self._of_others += looked
                return entry[0], job, entry[2]
        self._next_look = time.monotonic() + SECONDS_BETWEEN_LOOKS
        return None

    def is_open(self) -> bool:
        """Whether units are left that this run does not have, and it was not asked to stop."""
        return bool(self._fresh or self._of_others) and not requested()

    def wait(self) -> None:
        """Say for whom, once each, and let time pass until the next look."""
        if not self.is_open():
            return
        for position, job, _ in self._of_others:
            owner = self._owners[position]
            if _process(owner) not in self._told:
                self._told.add(_process(owner))
                theirs = sum(_process(self._owners[one]) == _process(owner) for one, _, _ in self._of_others)
                others = f" and {theirs - 1} more" if theirs > 1 else ""
                self._report(f"waiting for {owner}, which runs {job.unit.strategy} seed {job.unit.seed}{others}")
        time.sleep(max(0.0, self._next_look - time.monotonic()))

    def release(self, position: int) -> None:
        """Give up the claim of a unit that was handed out: it is done, or left to whoever comes."""
        self._claims.release(self._paths.pop(position))

    def _claimed(self, position: int, job: Job, title: str) -> Job | None:
        """The job under a claim of this process; None where its unit is finished, or a living other has it."""
        path = job.folder / CLAIM_FILE
        record = self._finished(position)
        if record is None:
            owner = self._claims.claim(path)
            if not self._claims.holds(path):
                self._owners[position] = owner
                self._of_others.append((position, job, title))
                return None
            record = self._finished(position)  # it may have been finished before the claim
            if record is None:
                self._claims.sweep(path, job.folder / CHECKPOINTS)
                self._paths[position] = path
                return replace(job, token=self._claims.token(path))
            self._claims.release(path)
        self._found(position, record)
        return None


def _process(owner: Owner) -> tuple[str, int, str]:
    return owner.host, owner.pid, owner.started
