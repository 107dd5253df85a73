"""How near the engine comes to what this machine can do: measured ceilings beside computed operations and bytes.

Ceilings are those that torch reaches on this machine with the given threads: a large matrix product, the widest
convolution of the paper's network, and the sum of two arrays far larger than the caches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch
from arithmetic import Load, forward, training_step
from cases import Case, Effort, Work
from network_cases import SCORED_IMAGES, SHAPES, TRAIN_BATCH, draw_windows, networks, one_batch
from timing import WARM_UP, Candidate, chunk
from torch.nn import functional as F

from nasbench_harness.seeding import derive_rng
from nasbench_harness.space import Subspace
from nasbench_harness.supernet.network import live_codes
from nasbench_harness.supernet.scoring.scores import score_live_cells
from nasbench_harness.system.progress import Silent

SIDE = 1024
"""Of the square matrices."""

ARRAY = 1 << 26
"""Bytes of an array that no cache holds."""

WIDE = (64, 64, 64, 8)
"""Images, channels in and out, and side of the convolution that marks the ceiling of convolutions."""


def cases() -> Iterator[Case]:
    """One case for each shape, and one for the ceilings."""
    yield Case("roofline-ceilings", "ceilings of this machine", "operation", _ceilings)
    for shape in SHAPES:
        name, label = "-".join(map(str, shape)), "{} channels, {} cells a stage, {} pixels".format(*shape)
        yield Case(f"roofline-{name}", f"share of the ceilings, {label}", "architecture", partial(_shares, shape))


def ceilings() -> dict[str, Candidate]:
    """Work that runs into a ceiling, by name."""
    found: dict[str, Candidate] = {}
    n, c_in, c_out, side = WIDE
    for dtype, name in ((torch.float32, "float32"), (torch.bfloat16, "bfloat16")):
        left, right = torch.randn(SIDE, SIDE).to(dtype), torch.randn(SIDE, SIDE).to(dtype)
        found[f"matrix product {name}"] = partial(_product, left, right)
        x = torch.randn(n, c_in, side, side).to(dtype).contiguous(memory_format=torch.channels_last)
        w = torch.randn(c_out, c_in, 3, 3).to(dtype).contiguous(memory_format=torch.channels_last)
        found[f"convolution {name}"] = partial(_convolution, x, w)
    a, b = torch.ones(ARRAY // 4), torch.ones(ARRAY // 4)
    total = torch.empty_like(a)
    found["sum of arrays"] = partial(_sum, a, b, total)
    return found


def _product(left: torch.Tensor, right: torch.Tensor, repeat: int) -> torch.Tensor:
    return left @ right


def _convolution(x: torch.Tensor, w: torch.Tensor, repeat: int) -> torch.Tensor:
    with torch.inference_mode():
        return F.conv2d(x, w, padding=1)


def _sum(a: torch.Tensor, b: torch.Tensor, out: torch.Tensor, repeat: int) -> torch.Tensor:
    return torch.add(a, b, out=out)


def rates(seconds: Mapping[str, float]) -> dict[str, float]:
    """Operations or bytes a second of the ceilings that are among the timed."""
    n, c_in, c_out, side = WIDE
    amount = {"matrix product": 2.0 * SIDE**3, "convolution": 2.0 * 9 * n * c_in * c_out * side**2}
    found = {
        f"{name.replace(' ', '_')}_operations_per_second": amount[name.rsplit(" ", 1)[0]] / seconds[name]
        for name in seconds
        if name.rsplit(" ", 1)[0] in amount
    }
    if "sum of arrays" in seconds:
        found["bytes_per_second"] = 3.0 * ARRAY / seconds["sum of arrays"]
    return found


def shares(load: Load, seconds: float, ceiling: Mapping[str, float]) -> dict[str, float]:
    """Operations and bytes of one piece of work, the time that the ceilings allow, and the share of it reached."""
    peak = max(ceiling[name] for name in ceiling if name.endswith("float32_operations_per_second"))
    compute, memory = load.operations / peak, load.bytes / ceiling["bytes_per_second"]
    elementwise = load.elementwise_bytes / ceiling["bytes_per_second"]
    return {
        "operations": load.operations,
        "bytes": load.bytes,
        "operations_per_second": load.operations / seconds,
        "share_of_compute_ceiling": compute / seconds,
        "share_of_memory_ceiling": memory / seconds,
        "share_of_roofline": (max(compute, load.convolution_bytes / ceiling["bytes_per_second"]) + elementwise)
        / seconds,
    }


def _ceilings(effort: Effort, folder: Path) -> Work:
    return Work(ceilings(), 1, {"matrix": SIDE, "convolution": list(WIDE), "array_bytes": ARRAY}, derive=rates)


def _shares(shape: tuple[int, int, int], effort: Effort, folder: Path) -> Work:
    channels, cells, side = shape
    engine, _ = networks(shape)
    resident, _, _ = one_batch(SCORED_IMAGES, side)
    x_NCHW, labels = next(resident.equal_batches(TRAIN_BATCH))
    x_NCHW = x_NCHW.contiguous(memory_format=torch.channels_last)
    rng = derive_rng("benchmark", "roofline", shape)
    drawn = live_codes(Subspace.full().sample(effort.repeats * effort.steps, rng))
    windows = draw_windows(effort.repeats, effort.steps, rng)

    def train(repeat: int) -> None:
        for code in chunk(drawn, repeat, effort.steps):
            engine.zero_grad(set_to_none=True)
            F.cross_entropy(engine(x_NCHW, code), labels).backward()  # type: ignore[no-untyped-call]

    def score(repeat: int) -> None:
        score_live_cells(engine, windows[max(repeat, 0)], resident, SCORED_IMAGES, Silent())

    def derive(seconds: Mapping[str, float]) -> dict[str, float]:
        # a unit is one architecture, but a repeat of a ceiling is one operation
        limits = rates({name: value * effort.steps for name, value in seconds.items()})
        training = _mean([training_step(code, channels, cells, side, len(labels)) for code in drawn])
        scored = [code for window in windows for code in live_codes(window)]
        scoring = _mean([forward(code, channels, cells, side).times(SCORED_IMAGES) for code in scored])
        return (
            limits
            | {f"training_{key}": value for key, value in shares(training, seconds["training"], limits).items()}
            | {f"scoring_{key}": value for key, value in shares(scoring, seconds["scoring"], limits).items()}
        )

    train(WARM_UP)
    candidates = {"training": train, "scoring": score, **ceilings()}
    facts = {
        "batch": TRAIN_BATCH,
        "images": SCORED_IMAGES,
        "training": "forward and backward, without the optimiser",
        "scoring": "operations as if nothing were shared, so that sharing counts as speed",
    }
    return Work(candidates, effort.steps, facts, derive=derive)


def _mean(loads: list[Load]) -> Load:
    total = loads[0]
    for load in loads[1:]:
        total += load
    return total.times(1 / np.float64(len(loads)))
