"""Units in local processes: one process a unit, so many at a time; progress and results come back through pipes.

A process for each unit costs a few seconds of imports beside minutes or hours of training. In return a unit that dies
(out of memory, a fault in native code) takes nothing with it, and an interruption ends all of them at once; what they
had reached is in their checkpoints.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

from nasbench_harness.errors import HarnessError, RunError
from nasbench_harness.progress import Progress

SECONDS_BETWEEN_REPORTS = 0.25

Work = Callable[[Any, Progress], Any]


@dataclass
class _Piped:
    """Progress that goes through a pipe, its amounts gathered so that the pipe is not what costs."""

    pipe: Connection
    gathered: float = 0.0
    sent: float = field(default_factory=time.monotonic)

    def start(self, phase: str, total: float, unit: str) -> None:
        self._flush()
        self.pipe.send(("start", (phase, total, unit)))

    def advance(self, amount: float) -> None:
        self.gathered += amount
        if time.monotonic() - self.sent >= SECONDS_BETWEEN_REPORTS:
            self._flush()

    def fork(self, title: str) -> Progress:
        return self

    def close(self) -> None:
        self._flush()

    def _flush(self) -> None:
        if self.gathered:
            self.pipe.send(("advance", (self.gathered,)))
        self.gathered, self.sent = 0.0, time.monotonic()


def _worker(work: Work, item: Any, threads: int, pipe: Connection) -> None:
    # The terminal's Ctrl-C reaches the whole group; the parent alone decides, and ends this process by a signal.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import torch

    torch.set_num_threads(threads)
    try:
        pipe.send(("done", work(item, _Piped(pipe))))
    except HarnessError as error:
        pipe.send(("failed", error))


def in_processes(
    work: Work, items: Sequence[Any], titles: Sequence[str], workers: int, threads: int, progress: Progress
) -> Iterator[tuple[int, Any]]:
    """Run ``work(item, progress)`` for every item, ``workers`` at a time with so many threads of torch each.

    Yields pairs of position and result as they finish; a ``HarnessError`` of the work is a result too, and a process
    that died is a ``RunError``. ``work`` must be importable, items and results must survive pickling.
    """
    spawn = multiprocessing.get_context("spawn")  # a forked torch may hang in its thread pool
    waiting = list(range(len(items)))[::-1]
    running: dict[Connection, tuple[int, Any, Progress]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                position = waiting.pop()
                ours, theirs = spawn.Pipe(duplex=False)
                process = spawn.Process(target=_worker, args=(work, items[position], threads, theirs), daemon=True)
                process.start()
                theirs.close()
                running[ours] = position, process, progress.fork(titles[position])
            for pipe in wait(list(running)):
                assert isinstance(pipe, Connection)
                position, process, shown = running[pipe]
                try:
                    kind, value = pipe.recv()
                except EOFError:
                    process.join()
                    kind, value = "failed", RunError(_death(process.exitcode))
                if kind in ("done", "failed"):
                    del running[pipe]
                    pipe.close()
                    process.join()
                    shown.close()
                    yield position, value
                elif kind == "start":
                    shown.start(*value)
                else:
                    shown.advance(*value)
    finally:
        for pipe, (_, process, _) in running.items():
            process.terminate()
            process.join()
            pipe.close()


def _death(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        cause = f"was ended by signal {-exit_code}" + (", probably for lack of memory" if exit_code == -9 else "")
    else:
        cause = f"ended with exit code {exit_code}; its error stands above"
    return f"the process of the unit {cause}; the same command goes on from its checkpoint (fewer --workers may help)"
