"""The cases of ``gpu.py``: each takes the bench and the clock, and gives plain JSON values."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

import launches
import plain
import torch
from agreement import compare_networks, compare_scores, relative_error
from gpu_bench import EPOCHS, Bench, Clock, generator
from network_cases import distinct_cells, draw_windows, members_of
from side_by_side import steps_together
from timing import Candidate
from torch.nn import functional as F

from nasbench_harness.errors import RunError
from nasbench_harness.space import N_ARCHITECTURES, Subspace, index_to_code
from nasbench_harness.supernet.network import Supernet
from nasbench_harness.supernet.scoring import grouping
from nasbench_harness.supernet.scoring.group_engine import GroupNetwork
from nasbench_harness.supernet.scoring.scores import SupernetScorable, score_live_cells
from nasbench_harness.system.progress import Silent

Case = Callable[[Bench, Clock], dict[str, Any]]

NOTHING_TO_WAIT_FOR = {"skipped": "a processor has nothing to wait for"}
LONGEST_START = {True: 45.0, False: 300.0}
"""Seconds that processes may take at least, by whether there is a GPU; elsewhere time is not short."""

GROUP_TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-4}


def agreement(bench: Bench, clock: Clock) -> dict[str, Any]:
    """Logits and gradients against the reference, groups against plain passes; ``RunError`` where they differ."""
    drawn = Subspace.full().sample(2, generator("compared"))
    found: dict[str, Any] = compare_networks(
        bench.engine, bench.reference, drawn, bench.plain_NCHW, bench.labels
    ).to_json()
    for dtype, tolerance in GROUP_TOLERANCE.items():
        found[f"groups_{str(dtype).removeprefix('torch.')}"] = group_error(bench, dtype, tolerance)
    return found


@torch.inference_mode()
def group_error(bench: Bench, dtype: torch.dtype, tolerance: float) -> float:
    """Largest relative difference of the logits of a group and of plain passes; ``RunError`` beyond the tolerance."""
    network, x_NCHW = bench.precise(bench.engine, "float32").to(dtype), bench.x_NCHW.to(dtype)
    scorable, cells = SupernetScorable(network), draw_windows(1, bench.plan.window, generator("groups"))[0]
    runs, _ = scorable.runs(cells)
    together = GroupNetwork(scorable.sharing()).on_batch(x_NCHW)(runs)
    error = max(relative_error(mine, network(x_NCHW, *run)) for mine, run in zip(together, runs, strict=True))
    if not error < tolerance:  # a NaN fails too
        raise RunError(f"groups differ from plain passes in {dtype}: relative error {error:.1e} of {tolerance:.0e}")
    return error


def waits(bench: Bench, clock: Clock) -> dict[str, Any]:
    """Whether steps make the host wait for the device, ends of stretches and of passes over the images included."""
    if bench.device.type != "cuda":
        return NOTHING_TO_WAIT_FOR
    # stretches of the curve and passes over the images have 10 steps: several of both end in what is looked at
    few = bench.training.part(slice(10 * bench.plan.batch))
    run = bench.run(bench.precise(bench.engine, "float32"), 500, "quiet", few)
    run.advance(35, Silent())
    try:
        with _forbidden_waits():
            run.advance(60, Silent())
    except RuntimeError as error:
        return {"host_waits": True, "where": str(error).splitlines()[0]}
    return {"host_waits": False}


@contextmanager
def _forbidden_waits() -> Iterator[None]:
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)


def training(bench: Bench, clock: Clock) -> dict[str, Any]:
    """Seconds of a step by precision, and their ratios to the reference."""
    choices = index_to_code(bench.drawn).tolist()

    def optimiser(network: torch.nn.Module) -> torch.optim.SGD:
        return torch.optim.SGD(network.parameters(), lr=0.001, momentum=0.9, nesterov=True, weight_decay=5e-4)

    theirs = optimiser(bench.reference)

    def reference() -> None:
        for choice in choices:
            plain.training_step(bench.reference, theirs, bench.plain_NCHW, bench.labels, choice)

    def engine(network: Supernet, own: torch.optim.SGD) -> None:
        for code in bench.codes:
            own.zero_grad(set_to_none=True)
            F.cross_entropy(network(bench.x_NCHW, code), bench.labels).backward()  # type: ignore[no-untyped-call]
            own.step()

    work = {"reference": bench.timed(reference)}
    for precision in bench.precisions:
        network = bench.precise(bench.engine, precision)
        work[precision] = bench.timed(partial(engine, network, optimiser(network)), precision)
    return bench.compare(work, bench.plan.steps)


def scoring(bench: Bench, clock: Clock) -> dict[str, Any]:
    """By network: seconds of an architecture by precision and group size, and what the whole space takes."""
    return {"-".join(map(str, shape)): _scoring(bench, *shape) for shape in bench.plan.scored if clock.left() > 0}


def _scoring(bench: Bench, channels: int, cells: int, side: int, images: int) -> dict[str, Any]:
    engine, reference = bench.networks(channels, cells)
    held_out = bench.images_of(side, images)
    batches = [(x.contiguous(), labels) for x, labels in held_out.equal_batches(images)]
    some = draw_windows(1, bench.plan.window, generator("scoring"))[0]
    choices = index_to_code(members_of(some, generator("members"))).tolist()

    def score(network: Supernet, size: int) -> Any:
        with patch.object(grouping, "asked_for", lambda: size):
            return score_live_cells(network, some, held_out, images, Silent())

    def plain_scores() -> list[tuple[float, float]]:
        return plain.score(reference, choices, batches)

    free, row = _free_bytes(bench), grouping.row_bytes(engine, batches[0][0])
    sizes = [size for size in bench.plan.groups if size == 1 or size * row * grouping.ACTIVATIONS_A_MEMBER <= free]
    errors = {str(size): compare_scores(score(engine, size), plain_scores()).to_json() for size in sizes}
    work: dict[str, Candidate] = {"reference": bench.timed(plain_scores)}
    for precision in bench.precisions:
        network = bench.precise(engine, precision)
        for size in sizes:
            name = precision if size == 1 else f"{precision}, groups of {size}"
            work[name] = bench.timed(partial(score, network, size), precision)
    result = bench.compare(work, len(some))
    seconds = {name: spread["median"] for name, spread in result["seconds"].items()}
    whole = {name: value * len(distinct_cells()) for name, value in seconds.items()}
    whole["reference"] = seconds["reference"] * N_ARCHITECTURES
    return result | {
        "agreement": errors,
        "group_by_rule": grouping.by_rule(row, free),
        "whole_space_seconds": whole,
        "whole_space_ratio": {name: whole["reference"] / value for name, value in whole.items()},
    }


def _free_bytes(bench: Bench) -> int:
    return grouping.free_bytes(bench.device) if bench.device.type == "cuda" else 1 << 30


def captured(bench: Bench, clock: Clock) -> dict[str, Any]:
    """Forward passes launched one by one, and replayed as graphs of one architecture each: what launches cost."""
    if bench.device.type != "cuda":
        return {"skipped": "graphs are captured on CUDA devices only"}
    network = bench.precise(bench.engine, "float32")
    with torch.inference_mode():
        replays = []
        for code in bench.codes:
            network(bench.x_NCHW, code)
            bench.settle()
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                network(bench.x_NCHW, code)
            replays.append(graph)

        def launched() -> None:
            with torch.inference_mode():
                for code in bench.codes:
                    network(bench.x_NCHW, code)

        def replayed() -> None:
            for graph in replays:
                graph.replay()

        return bench.compare({"reference": bench.timed(launched), "captured": bench.timed(replayed)}, len(replays))


def counted(bench: Bench, clock: Clock) -> dict[str, Any]:
    """Operations that a step and an architecture start; they do not depend on the device."""
    plan = bench.plan
    shape = plan.channels, plan.cells, plan.side
    return {
        "training": launches.training(*shape, batch=plan.batch, steps=min(plan.steps, 6)),
        "scoring": launches.scoring(*plan.scored[-1], window=min(plan.window, 64)),
        "calls_a_cell": {str(size): launches.calls_a_cell(size) for size in plan.groups},
    }


def together(bench: Bench, clock: Clock) -> dict[str, Any]:
    """Steps a second of several networks that train at the same time, each in a process of its own."""
    plan, found = bench.plan, {}
    for processes in plan.processes:
        if clock.left() > 0:
            at_most = max(clock.left(), LONGEST_START[bench.device.type == "cuda"])
            rate = steps_together(str(bench.device), plan, processes, at_most)
            found[str(processes)] = rate
    if not found:
        return {"skipped": "no time was left"}
    first = found[str(plan.processes[0])]
    return {"steps_a_second": found, "gain": {name: rate / first for name, rate in found.items()}}


def extrapolated(bench: Bench, clock: Clock) -> dict[str, Any]:
    """Real training with augmentation and bookkeeping by precision: the time of 250 epochs from a stretch."""
    plan = bench.plan
    whole = EPOCHS * (plan.epoch_images // plan.batch)
    result: dict[str, Any] = {"epochs": EPOCHS, "steps": whole}
    for precision in bench.precisions:
        network = bench.precise(bench.engine, precision)
        bench.timed(lambda: None, precision)(0)  # from here on products are as precise as that
        run = bench.run(network, 2 * plan.stretch, "stretch")
        run.advance(plan.stretch, Silent())  # warm-up
        bench.settle()
        start = time.perf_counter()
        run.advance(plan.stretch, Silent())
        bench.settle()
        seconds = time.perf_counter() - start
        result[precision] = {"measured_steps": plan.stretch, "whole_seconds": seconds / plan.stretch * whole}
    return result


def supernet(bench: Bench, clock: Clock) -> dict[str, Any]:
    """As much of the 250 epochs as fits into what is left, in TF32; then a part of the space, scored by the rule."""
    plan, precision = bench.plan, bench.precisions[-2]
    steps = EPOCHS * (plan.epoch_images // plan.batch)
    network = bench.precise(bench.engine, precision)
    bench.timed(lambda: None, precision)(0)
    run = bench.run(network, steps, "supernet")
    reserve, start = 0.15 * max(clock.left(), 0.0), time.perf_counter()
    while not run.finished and clock.left() > reserve:
        run.advance(min(plan.stretch, 100), Silent())
        bench.settle()
    trained = time.perf_counter() - start
    found: dict[str, Any] = {
        "precision": precision,
        "steps": run.done,
        "of_steps": steps,
        "seconds": trained,
        "whole_seconds": trained / max(run.done, 1) * steps,
        "loss": list(run.curve.loss),
    }
    images = bench.images_of(plan.side, plan.scored[0][3])
    cells, scored, start = distinct_cells()[1:], 0, time.perf_counter()
    while scored < len(cells) and (not scored or clock.left() > 0):
        part = cells[scored : scored + plan.window]
        score_live_cells(network, part, images, len(images), Silent())
        scored += len(part)
    scoring_seconds = time.perf_counter() - start
    return found | {
        "scored": scored,
        "of_cells": len(cells),
        "scoring_seconds": scoring_seconds,
        "whole_scoring_seconds": scoring_seconds / scored * len(cells),
    }
