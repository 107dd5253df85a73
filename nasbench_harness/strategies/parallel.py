"""Independent parts of one unit in several processes: sub-supernets to train, chunks of a measurement.

Every process gets the context and each n-th part, works as the unit would in turn, and leaves what it did in the unit's
checkpoints. Then the unit goes through all parts as after an interruption: it finds them done, takes weights and values
from there, and charges its budget. So results have one way only, a kill loses no more than with one process, and a
unit that was begun with several processes may be finished with one.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from nasbench_harness.errors import SuspendedError, UsageError
from nasbench_harness.plugins import load_file
from nasbench_harness.system import stopping
from nasbench_harness.system.progress import Progress, Silent, tell
from nasbench_harness.system.workers import in_processes

if TYPE_CHECKING:
    from nasbench_harness.images.batch_sizes import BatchSizes
    from nasbench_harness.supernet.network import Supernet
    from nasbench_harness.training.checkpoints import Checkpoints
    from nasbench_harness.training.clock import Clock
    from nasbench_harness.training.trainer import LossCurve, Stage

SECONDS_BETWEEN_CLOCKS = 5.0


class Divisible(Protocol):
    """What is needed of a context whose work is done in several processes; ``Context`` documents the members."""

    @property
    def processes(self) -> int: ...
    @property
    def plugins(self) -> tuple[tuple[Path, str], ...]: ...
    @property
    def progress(self) -> Progress: ...
    @property
    def checkpoints(self) -> Checkpoints: ...
    @property
    def batches(self) -> BatchSizes: ...
    def train(self, network: Supernet, stage: Stage) -> LossCurve: ...
    def measure(self, name: str, compute: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]: ...
    def key_of(self, name: str) -> str: ...
    def alone(self) -> Self: ...
    def shown_by(self, progress: Progress) -> Self: ...


@dataclass(frozen=True)
class Measurement:
    """Something to be remembered under ``name``, which is unique within the strategy.

    ``compute`` is given the context, whose budget it spends and to whose progress it may report; it must survive
    pickling. ``amount``: what it comes to in the current phase of the progress.
    """

    name: str
    compute: Callable[[Any], dict[str, np.ndarray]]
    amount: float = 0.0


def train_in_parallel(context: Divisible, stages: Sequence[tuple[Supernet, Stage]]) -> list[LossCurve]:
    """See ``Context.train_in_parallel``."""
    if _has_several(context):
        from nasbench_harness.training.trainer import is_trained

        batches = context.batches
        missing = [(net, stage) for net, stage in stages if not is_trained(stage, batches, context.checkpoints)]
        if len(missing) > 1:
            updates = sum(stage.updates_in(batches) for _, stage in missing)
            context.progress.start(f"{len(missing)} sub-supernets", updates, "updates")
            _distribute(context, train_in_parallel, missing)
            context = context.shown_by(Silent())
    return [context.train(network, stage) for network, stage in stages]


def measure_in_parallel(context: Divisible, measurements: Sequence[Measurement]) -> list[dict[str, np.ndarray]]:
    """See ``Context.measure_in_parallel``."""
    if _has_several(context):
        missing = [each for each in measurements if context.checkpoints.load(context.key_of(each.name)) is None]
        if len(missing) > 1:
            context.progress.advance(sum(each.amount for each in measurements) - sum(each.amount for each in missing))
            _distribute(context, measure_in_parallel, missing)
            context = context.shown_by(Silent())
    return [_remembered(context, each) for each in measurements]


def _remembered(context: Divisible, measurement: Measurement) -> dict[str, np.ndarray]:
    told = _Told(context.progress)
    found = context.measure(measurement.name, lambda: measurement.compute(context.shown_by(told)))
    context.progress.advance(measurement.amount - told.amount)  # what a checkpoint held
    return found


def _has_several(context: Divisible) -> bool:
    """Processes, and a folder through which they hand over what they did."""
    return context.processes > 1 and context.checkpoints.folder is not None


@dataclass(frozen=True)
class _Part:
    """What a process is to do: ``packed`` is opened there, once the plug-in files are loaded that it may need."""

    plugins: tuple[tuple[Path, str], ...]
    packed: bytes


def _do(part: _Part, progress: Progress) -> None:
    for path, digest in part.plugins:
        load_file(path, digest)
    work, context, jobs = pickle.loads(part.packed)
    work(context.shown_by(progress), jobs)


def _distribute(context: Divisible, work: Callable[[Any, Any], Any], jobs: Sequence[Any]) -> None:
    """Have ``work(context, part)`` done for all parts of the jobs; the first error of one ends the others.

    A part that was asked to stop ends none: each of them stops at a checkpoint of its own.
    """
    import torch

    count = min(context.processes, len(jobs))
    alone = context.alone()
    parts = [_Part(context.plugins, _packed((work, alone, jobs[first::count]))) for first in range(count)]
    shown = _Together(context.progress, context.checkpoints.clock)
    with closing(in_processes(_do, parts, [""] * count, count, torch.get_num_threads(), shown)) as done:
        for _, outcome in done:
            if isinstance(outcome, Exception) and not isinstance(outcome, SuspendedError):
                raise outcome
    stopping.check()


def _packed(content: Any) -> bytes:
    """Pickled as for a file: the pickler of ``multiprocessing`` would move this process's tensors to shared memory."""
    try:
        return pickle.dumps(content)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise UsageError(
            f"a part of the unit cannot be sent to another process ({error}); keep options plain values and classes at "
            "the top of their modules, or give --workers 1"
        ) from error


class _Told:
    """Progress that also remembers how much it was told."""

    def __init__(self, inner: Progress) -> None:
        self.inner, self.amount = inner, 0.0

    def start(self, phase: str, total: float, unit: str) -> None:
        self.inner.start(phase, total, unit)

    def advance(self, amount: float) -> None:
        self.amount += amount
        self.inner.advance(amount)

    def tell(self, values: Mapping[str, float]) -> None:
        tell(self.inner, values)

    def fork(self, title: str) -> Progress:
        return self.inner.fork(title)

    def close(self) -> None:
        self.inner.close()


class _Together(Silent):
    """Adds up what all processes do in the one phase that stands for them, and keeps the clock of the unit stored."""

    def __init__(self, inner: Progress, clock: Clock | None) -> None:
        self.inner, self.clock, self.stored = inner, clock, time.monotonic()

    def tell(self, values: Mapping[str, float]) -> None:
        tell(self.inner, values)

    def advance(self, amount: float) -> None:
        self.inner.advance(amount)
        if self.clock is not None and time.monotonic() - self.stored >= SECONDS_BETWEEN_CLOCKS:
            self.clock.store()
            self.stored = time.monotonic()
