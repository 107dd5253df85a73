"""Runs in forks of a process that has imported everything: some tenths of a second each, to be killed by the hundred.

``prepare`` is called once, before the first fork; from then on the process starts no thread and opens no Parquet file,
since a fork would have locks that nobody gives back. Each ``Child`` is the leader of a process group of its own and
calls the command line's ``main``. Some constants are made small for it (``quicken``), so that a unit of a second stores
checkpoints on its way and runs look at each other often; what they decide is how often, not what.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import gc
import importlib
import mmap
import os
import pkgutil
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECONDS_UNTIL_HUNG = 180.0
PR_SET_CHILD_SUBREAPER = 36
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
CHANGES = {"os.rename", "os.remove", "os.link", "os.mkdir", "os.rmdir", "os.utime", "os.truncate"}
"""Audit events of the interpreter before a change of the disk; ``open`` is one where it is for writing."""

Doing = Callable[[], int]


def prepare() -> None:
    """Import and compute what every run needs, and become the parent of processes whose parents are killed."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    import polars  # noqa: F401
    import scipy.stats  # noqa: F401
    import sklearn.datasets  # noqa: F401
    import torch._dynamo  # noqa: F401

    import nasbench_harness
    from nasbench_harness import runner
    from nasbench_harness.cli.app import command_line
    from nasbench_harness.experiment import load_experiment
    from nasbench_harness.images.digits import read_digits
    from nasbench_harness.native import kernels
    from nasbench_harness.space import connected_live_cells, flops, live_cell_of
    from nasbench_harness.supernet.scoring.functions import representative_of
    from nasbench_harness.system import environment
    from nasbench_harness.system.engine_version import engine_version
    from nasbench_harness.truth import open_table, policy

    for module in pkgutil.walk_packages(nasbench_harness.__path__, "nasbench_harness."):
        if not module.name.endswith(("__main__", "server_signals")):  # the latter changes what signals do
            with contextlib.suppress(ImportError):  # of an extra that is not installed
                importlib.import_module(module.name)
    command_line().parse_args(["run", "x", "--workers", "2"])
    load_experiment("quickstart")  # imports what only a child that may read little would miss
    for compute in (read_digits, kernels, connected_live_cells, live_cell_of, representative_of, engine_version):
        compute()
    flops(live=True)
    table, commit = open_table(None), environment.source_commit()
    runner.open_table = lambda source: table
    environment.source_commit = lambda: commit
    environment.installed_version = functools.cache(environment.installed_version)
    policy.benchmark_order = functools.cache(policy.benchmark_order)
    policy.benchmark_order()
    quicken()
    gc.collect()
    gc.freeze()  # so that collections of the forks write to none of the memory that they share


def quicken() -> None:
    """Make intervals small, and what is derived from the scores: for this process and its forks."""
    import pydantic

    from nasbench_harness import pipeline
    from nasbench_harness.engines import queue
    from nasbench_harness.strategies import parallel
    from nasbench_harness.system import claims, heartbeat, workers
    from nasbench_harness.training import trainer

    trainer.SECONDS_BETWEEN_CHECKPOINTS = 0.03
    parallel.SECONDS_BETWEEN_CLOCKS = 0.05
    queue.SECONDS_BETWEEN_LOOKS = 0.1
    claims.SECONDS_BETWEEN_LOOKS = 0.02
    workers.SECONDS_BETWEEN_LOOKS = 0.1
    heartbeat.SECONDS_BETWEEN_BEATS = 1.0
    for name in ("judge_unit", "analyse"):
        setattr(pipeline, name, functools.partial(getattr(pipeline, name), resamples=5))
    vars(pipeline)["references"] = lambda scorer: {}  # of untrained networks, which know of no kill
    vars(pydantic)["TypeAdapter"] = functools.cache(pydantic.TypeAdapter)


def fork_workers() -> None:
    """Let workers be forks of their run: as they are started in earnest, each run imports torch once more.

    There is one thread of torch, and none is started before, so nothing hangs.
    """
    import multiprocessing

    from nasbench_harness.system import workers

    context: Any = multiprocessing.get_context("fork")
    workers.process_context = lambda: context


@dataclass(frozen=True)
class Moment:
    """When who is killed: before a change of the disk, by its number, or so many seconds after it was begun.

    ``whom``: ``main``, ``worker`` or ``group``; a worker is killed at a change that it makes itself. Changes say how
    far a run is however busy the machine is; ``change`` None: the seconds are those from the start.
    """

    whom: str
    change: int | None = None
    seconds: float | None = None

    def __str__(self) -> str:
        place = "start" if self.change is None else f"change {self.change}"
        return f"{self.whom} {'before' if self.seconds is None else f'{self.seconds:.4f} s after'} {place}"


class Child:
    """A fork in a process group of its own that does something; its output goes to ``log``."""

    def __init__(self, doing: Doing, log: Path, watched: Path, moment: Moment | None = None) -> None:
        """``watched``: the folder whose changes are counted."""
        self.log, self.moment, self.started = log, moment, time.monotonic()
        self._changes = mmap.mmap(-1, 8)
        self.code: int | None = None
        self._reached: float | None = None
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            self._be(doing, str(watched))
        with contextlib.suppress(OSError):  # whoever is first
            os.setpgid(self.pid, self.pid)

    @property
    def changes(self) -> int:
        """Of the disk so far, by all processes."""
        return int.from_bytes(self._changes[:8], "little")

    def _be(self, doing: Doing, watched: str) -> None:
        code = 99
        try:
            os.setpgid(0, 0)
            output = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            os.dup2(output, 1)
            os.dup2(output, 2)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115
            main = os.getpid()

            def hook(event: str, arguments: tuple[Any, ...]) -> None:
                if event == "open":
                    if not isinstance(arguments[2], int) or not arguments[2] & WRITING:
                        return
                elif event not in CHANGES:
                    return
                if str(arguments[0]).startswith(watched):
                    self._changed(main)

            sys.addaudithook(hook)
            code = doing()
            sys.stdout.flush()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    def _changed(self, main: int) -> None:
        moment, is_main = self.moment, os.getpid() == main
        if moment is not None and moment.whom == "worker" and is_main and moment.seconds is None:
            return
        number = self.changes
        self._changes[:8] = (number + 1).to_bytes(8, "little")
        if moment is None or moment.change != number or moment.seconds is not None:
            return
        if moment.whom == "group":
            os.killpg(main, signal.SIGKILL)
        else:
            os.kill(main if moment.whom == "main" else os.getpid(), signal.SIGKILL)

    def run(self) -> int:
        """Wait until it has ended, killing at the moment; its exit code, negative for a signal."""
        while not self.poll():
            time.sleep(0.003)
        assert self.code is not None
        return self.code

    def poll(self) -> bool:
        """Whether it has ended; kills if it is the moment, and what hangs."""
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
            else:
                self._kill_in_time()
        return self.code is not None

    def _kill_in_time(self) -> None:
        since = time.monotonic() - self.started
        if since > SECONDS_UNTIL_HUNG:
            os.killpg(self.pid, signal.SIGKILL)
        moment = self.moment
        if moment is None or moment.seconds is None:
            return
        if moment.change is not None:
            if self.changes <= moment.change:
                return
            self._reached = self._reached or time.monotonic()
            since = time.monotonic() - self._reached
        if since < moment.seconds:
            return
        if moment.whom == "group":
            os.killpg(self.pid, signal.SIGKILL)
        elif moment.whom == "main":
            os.kill(self.pid, signal.SIGKILL)
        elif workers := self.workers():
            os.kill(random.choice(workers), signal.SIGKILL)
        else:
            return  # when there is one
        self.moment = None

    def workers(self) -> list[int]:
        """Processes that it has started, and that run."""
        try:
            return [int(one) for one in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]
        except OSError:
            return []

    def left(self, patience: float = 60.0) -> int:
        """Processes of its group that still run after so many seconds; they are ended."""
        until = time.monotonic() + patience
        while True:
            try:
                while os.waitpid(-self.pid, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                return 0
            if time.monotonic() > until:
                os.killpg(self.pid, signal.SIGKILL)
                return 1
            time.sleep(0.003)


def command(arguments: Sequence[str], forked_workers: bool = True) -> Doing:
    """What a child does to run the command line."""

    def doing() -> int:
        from nasbench_harness.cli import main

        if forked_workers:
            fork_workers()
        return main(list(arguments))

    return doing
