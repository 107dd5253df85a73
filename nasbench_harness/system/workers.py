"""Work in local processes: one process per item, up to N at a time; progress and results come back through pipes.

Items are units, or parts of one unit. A process costs little beside minutes or hours of training. In return a unit that
dies (out of memory, a fault in native code) takes nothing with it, and an interruption ends all of them at once; what
they had reached is in their checkpoints. Processes may have processes of their own: each ends by itself when the one
that started it is gone, however that ended.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, SpawnContext
from typing import Any, Protocol

from nasbench_harness.errors import HarnessError, RunError, SuspendedError
from nasbench_harness.system import stopping
from nasbench_harness.system.memory import keep_freed_memory, note_peak_of_process, peak_memory
from nasbench_harness.system.progress import Progress, tell

SECONDS_BETWEEN_REPORTS = 0.25
PRELOADED = (
    "nasbench_harness.system.server_signals",
    "torch",
    "torch._dynamo",  # torch imports it when the first optimiser is made, which takes as long as the rest of it
    "nasbench_harness.engines.preloaded",
)
"""Modules that the server of forks imports, by name: nothing here depends on them."""

SECONDS_BETWEEN_LOOKS = 1.0
"""Of who has processes, at items that others have, and at requests to stop."""

Work = Callable[[Any, Progress], Any]


class Source(Protocol):
    """Where items come from, one at a time: some may be in the hands of others, who finish them or leave them."""

    def take(self) -> tuple[int, Any, str] | None:
        """Position, item and title of the next; None while there is none to be had."""

    def is_open(self) -> bool:
        """Whether more may come."""

    def wait(self) -> None:
        """Let some time pass: there is nothing else to do."""


@dataclass
class _Listed:
    """Items that are all there."""

    items: Sequence[Any]
    titles: Sequence[str]
    position: int = 0

    def take(self) -> tuple[int, Any, str] | None:
        if not self.is_open():
            return None
        self.position += 1
        return self.position - 1, self.items[self.position - 1], self.titles[self.position - 1]

    def is_open(self) -> bool:
        return self.position < len(self.items)

    def wait(self) -> None:
        """Never needed."""


@dataclass
class _Piped:
    """Progress that goes through a pipe, its amounts gathered so that the pipe is not what costs."""

    pipe: Connection
    gathered: float = 0.0
    sent: float = field(default_factory=time.monotonic)
    told: dict[str, float] = field(default_factory=dict)

    def start(self, phase: str, total: float, unit: str) -> None:
        self._flush()
        self.pipe.send(("start", (phase, total, unit)))

    def advance(self, amount: float) -> None:
        self.gathered += amount
        if time.monotonic() - self.sent >= SECONDS_BETWEEN_REPORTS:
            self._flush()

    def tell(self, values: Mapping[str, float]) -> None:
        self.told.update(values)
        if time.monotonic() - self.sent >= SECONDS_BETWEEN_REPORTS:
            self._flush()

    def fork(self, title: str) -> Progress:
        return self

    def close(self) -> None:
        self._flush()

    def _flush(self) -> None:
        if self.gathered:
            self.pipe.send(("advance", (self.gathered,)))
        if self.told:
            self.pipe.send(("tell", (self.told,)))
            self.told = {}
        self.gathered, self.sent = 0.0, time.monotonic()


def _worker(work: Work, item: Any, threads: int, pipe: Connection) -> None:
    # The terminal's Ctrl-C reaches the whole group; the first process alone decides, and ends this one by a signal.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stopping.listen()
    _end_with_the_parent()
    keep_freed_memory()
    import torch

    torch.set_num_threads(threads)
    progress = _Piped(pipe)
    outcome: tuple[str, Any]
    try:
        result = work(item, progress)
        progress.close()
        outcome = "done", result
    except HarnessError as error:
        outcome = "failed", error
    pipe.send(("peak", peak_memory(processes=True)))
    pipe.send(outcome)


def _end_with_the_parent() -> None:
    """A process whose parent is gone works for nobody, and might write beside the run that resumes from its place."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def process_context() -> ForkServerContext | SpawnContext:
    """How processes for torch are started: as forks of a server that has imported it, or each as a new program.

    A fork of this process might hang in torch's thread pool. The server has imported torch and all that units need, and
    its only threads are those that wait for NumPy and SciPy and that their libraries start anew in a fork: each process
    after the first costs a fraction of a second instead of several of imports. Its processes have the environment
    variables of the time when the first was started. Systems without such a server start a program each time.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    return context


def in_processes(
    work: Work, items: Sequence[Any], titles: Sequence[str], workers: int, threads: int, progress: Progress
) -> Generator[tuple[int, Any], None, None]:
    """Run ``work(item, progress)`` for every item, ``workers`` at a time with so many threads of torch each.

    Yields pairs of position and result as they finish; a ``HarnessError`` of the work is a result too, and a process
    that died is a ``RunError``. ``work`` must be importable, items and results must survive pickling. Who stops
    before the end closes the generator (``contextlib.closing``), which ends the processes: they are no daemons, because
    those may have no processes of their own.
    """
    return in_processes_from(_Listed(items, titles), work, workers, threads, progress)


def in_processes_from(
    source: Source, work: Work, workers: int, threads: int, progress: Progress
) -> Generator[tuple[int, Any], None, None]:
    """The same for items that are taken from ``source`` when a worker is free.

    Once this process is asked to stop, it asks those that run and takes no more; they end with ``SuspendedError``.
    """
    context = process_context()
    running: dict[Connection, tuple[int, Any, Progress]] = {}
    asked = False
    try:
        while running or (source.is_open() and not asked):
            asked = asked or _asked_to_stop([process for _, process, _ in running.values()])
            while not asked and len(running) < workers and (taken := source.take()) is not None:
                position, item, title = taken
                ours, theirs = context.Pipe(duplex=False)
                process = context.Process(target=_worker, args=(work, item, threads, theirs), daemon=False)
                running[ours] = position, process, progress.fork(title)  # first: what runs is always known
                with contextlib.suppress(EOFError, ConnectionError):  # it died before it had its item: no broken stdout
                    process.start()
                theirs.close()
            if not running:
                source.wait()
                continue
            for pipe in wait(list(running), SECONDS_BETWEEN_LOOKS):
                assert isinstance(pipe, Connection)
                position, process, shown = running[pipe]
                kind, value = _received(pipe, process)
                if kind in ("done", "failed"):
                    del running[pipe]
                    pipe.close()
                    _join(process)
                    shown.close()
                    yield position, value
                else:
                    _show(shown, kind, value)
    finally:
        started = [process for _, process, _ in running.values() if process.pid is not None]
        for process in started:
            process.kill()  # a request to stop would be waited for
        for process in started:
            process.join()
        for pipe in running:
            pipe.close()


def _show(shown: Progress, kind: str, value: Any) -> None:
    """What came through a pipe, as ``_Piped`` was given it."""
    if kind == "peak":
        note_peak_of_process(value)
    elif kind == "start":
        shown.start(*value)
    elif kind == "tell":
        tell(shown, *value)
    else:
        shown.advance(*value)


def _join(process: Any) -> None:
    if process.pid is not None:  # it was started
        process.join()


def _received(pipe: Connection, process: Any) -> tuple[str, Any]:
    try:
        kind, value = pipe.recv()
    except (EOFError, OSError):  # ended before it sent anything more, or in the middle of that
        _join(process)
        return "failed", _death(process.exitcode)
    return kind, value


def _asked_to_stop(processes: Sequence[Any]) -> bool:
    """Whether this process was asked to stop; then it asks those."""
    if stopping.requested() is None:
        return False
    for process in processes:
        if process.is_alive():
            os.kill(process.pid, stopping.FORWARDED)
    return True


def _death(exit_code: int | None) -> HarnessError:
    if (exit_code is None or -exit_code in stopping.SIGNALS) and (reason := stopping.requested()):
        return SuspendedError(reason)  # asked before it could hear
    if exit_code is not None and exit_code < 0:
        cause = f"was ended by signal {-exit_code}" + (", probably for lack of memory" if exit_code == -9 else "")
    elif exit_code is None:
        cause = "died at its start, probably for lack of memory"
    else:
        cause = f"ended with exit code {exit_code}; its error stands above"
    return RunError(
        f"a process of the unit {cause}; the same command resumes from its checkpoint (fewer --workers may help)"
    )
