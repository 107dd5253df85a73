"""Several networks that train at the same time on one device, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import sys
import time
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))  # a spawned process imports this module by itself
sys.path.append(str(HERE.parent))

from gpu_bench import Bench, Plan  # noqa: E402

from nasbench_harness.errors import RunError  # noqa: E402
from nasbench_harness.system.progress import Silent  # noqa: E402


def steps_together(device: str, plan: Plan, processes: int, seconds_at_most: float) -> float:
    """Training steps a second of all processes together, from a stretch that all begin at once.

    Raises ``RunError`` where one of them does not answer in time.
    """
    context = multiprocessing.get_context("spawn")
    lines, started = [], []
    try:
        for _ in range(processes):
            here, there = context.Pipe()
            process = context.Process(target=serve, args=(there, device, asdict(plan)), daemon=True)
            process.start()
            there.close()
            lines.append(here)
            started.append(process)
        deadline = time.monotonic() + seconds_at_most
        for line in lines:
            _answer(line, deadline)
        start = time.perf_counter()
        for line in lines:
            line.send("go")
        for line in lines:
            _answer(line, deadline)
        return processes * plan.stretch / (time.perf_counter() - start)
    finally:
        for process in started:
            process.terminate()
            process.join()


def _answer(line: Connection, deadline: float) -> None:
    if not line.poll(max(0.0, deadline - time.monotonic())):
        raise RunError("a process that trains beside others did not answer in time")
    try:
        line.recv()
    except EOFError as error:
        raise RunError("a process that trains beside others has ended; its error stands above") from error


def serve(line: Connection, device: str, plan: dict[str, Any]) -> None:
    """Warm up, say so, train a stretch when told to, say so."""
    import torch

    torch.set_num_threads(1)
    bench = Bench(torch.device(device), Plan(**plan))
    run = bench.run(bench.engine, 2 * bench.plan.stretch, "side by side")
    run.advance(bench.plan.stretch, Silent())
    bench.settle()
    line.send("ready")
    line.recv()
    run.advance(bench.plan.stretch, Silent())
    bench.settle()
    line.send("done")
