"""One process with all threads against one process a core: the same training steps, shared out."""

from __future__ import annotations

import multiprocessing
import weakref
from collections.abc import Iterator, Mapping
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import torch
from cases import Case, Effort, Work
from network_cases import TRAIN_BATCH, networks, one_batch
from torch.nn import functional as F

from nasbench_harness.seeding import derive_rng
from nasbench_harness.space import Subspace
from nasbench_harness.supernet.network import live_codes
from nasbench_harness.system.memory import keep_freed_memory

SHAPES = ((8, 1, 16), (16, 5, 32))
"""Channels, cells per stage, side of the images."""

THREADS, PROCESSES = "one process", "one process per core"


def cases() -> Iterator[Case]:
    """A case for each shape."""
    for shape in SHAPES:
        yield Case(
            "processes-" + "-".join(map(str, shape)),
            "threads against processes, {} channels, {} cells a stage, {} pixels".format(*shape),
            "training step",
            partial(_processes, shape),
        )


class Trainer:
    """A process of its own that trains when told to."""

    def __init__(self, shape: tuple[int, int, int], threads: int) -> None:
        """Start it; it is stopped with this object."""
        context = multiprocessing.get_context("spawn")
        self.line, there = context.Pipe()
        process = context.Process(target=serve, args=(there, shape, threads), daemon=True)
        process.start()
        there.close()
        self.line.recv()
        weakref.finalize(self, process.terminate)

    def begin(self, steps: int) -> None:
        """Run so many steps."""
        self.line.send(steps)

    def finish(self) -> None:
        """Wait for them."""
        self.line.recv()


def serve(line: Connection, shape: tuple[int, int, int], threads: int) -> None:
    """Train as often as told; architectures are the same for every process."""
    torch.set_num_threads(threads)
    keep_freed_memory()
    engine, _ = networks(shape)
    _, x_NCHW, labels = one_batch(TRAIN_BATCH, shape[2])
    x_NCHW = x_NCHW.contiguous(memory_format=torch.channels_last)
    drawn = Subspace.full().sample(8, derive_rng("benchmark", "processes", shape))
    codes = live_codes(drawn)
    optimiser = torch.optim.SGD(engine.parameters(), lr=0.01, momentum=0.9, nesterov=True)
    line.send("ready")
    while True:
        for number in range(line.recv()):
            optimiser.zero_grad(set_to_none=True)
            loss = F.cross_entropy(engine(x_NCHW, codes[number % len(codes)]), labels)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        line.send("done")


def _processes(shape: tuple[int, int, int], effort: Effort, folder: Path) -> Work:
    threads = torch.get_num_threads()
    one = [Trainer(shape, threads)]
    several = [Trainer(shape, 1) for _ in range(threads)]

    def run(trainers: list[Trainer], repeat: int) -> None:
        for trainer in trainers:
            trainer.begin(effort.steps * threads // len(trainers))
        for trainer in trainers:
            trainer.finish()

    def derive(seconds: Mapping[str, float]) -> dict[str, float]:
        return {"steps_gained_by_processes": seconds[THREADS] / seconds[PROCESSES]}

    facts = {"batch": TRAIN_BATCH, "threads_and_processes": threads}
    return Work(
        {THREADS: partial(run, one), PROCESSES: partial(run, several)}, effort.steps * threads, facts, None, derive
    )
