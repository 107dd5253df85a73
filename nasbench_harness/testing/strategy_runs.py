"""Strategies trained for a few steps on the digits, with everything counted that the budget should have counted."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import UsageError
from nasbench_harness.space import Subspace, connected_live_cells

if TYPE_CHECKING:
    from nasbench_harness.strategies import Context, Scorer, Strategy

BATCH = 20
STEPS = (30, 120, 480, 1920)
"""Budgets in optimiser steps; a strategy with many stages may refuse the first."""
SCORED_CELLS = 30


@dataclass(frozen=True)
class TinyRun:
    """What came of training a strategy on almost nothing.

    ``trained_images`` and ``seen_images`` were sent through a supernet with and without gradients, counted at the
    networks themselves; ``steps`` are those of the optimisers. ``scores``: signal -> ``[n]``.
    """

    scores: dict[str, npt.NDArray[np.float64]]
    leaf_A: npt.NDArray[np.int64]
    planned: int
    used: int
    forwards: int
    stages: int
    steps: int
    trained_images: int
    seen_images: int
    details: dict[str, Any]


def tiny_run(strategy: Strategy, seed: int = 0, folder: Path | None = None) -> TinyRun:
    """Train with the smallest budget that the strategy accepts and score some live cells.

    With a folder its checkpoints are left there, and taken up from there. Raises the errors of the strategy.
    """
    for steps in STEPS[:-1]:
        with contextlib.suppress(UsageError):  # too small a budget is refused so
            return _run(strategy, steps, seed, folder)
    return _run(strategy, STEPS[-1], seed, folder)


def tiny_run_in_threads(strategy: Strategy, threads: int) -> TinyRun:
    """``tiny_run`` for a process of its own, with so many threads of torch."""
    import torch

    torch.set_num_threads(threads)
    return tiny_run(strategy)


def _run(strategy: Strategy, steps: int, seed: int, folder: Path | None) -> TinyRun:
    context = tiny_context(steps * BATCH, seed, folder)
    with _counted() as counts:
        scorer = strategy.train(context)
    budget = context.budget
    found = scorer.score(_cells(scorer))
    return TinyRun(
        {name: np.asarray(values, dtype=np.float64) for name, values in found.items()},
        scorer.leaf_A,
        budget.planned,
        budget.used,
        budget.forwards,
        len(scorer.losses),
        **counts,
        details=json.loads(json.dumps(scorer.details, allow_nan=False)),
    )


def tiny_context(updates: int, seed: int = 0, folder: Path | None = None) -> Context:
    """A context on 100 digits of 8 x 8 pixels, a network of 4 channels and three cells, 30 held-out images."""
    from nasbench_harness.images.batches import Augmentation, DeviceImages
    from nasbench_harness.strategies import Context
    from nasbench_harness.supernet.network import NetworkShape
    from nasbench_harness.system.progress import Silent
    from nasbench_harness.training.budget import Budget
    from nasbench_harness.training.checkpoints import Checkpoints
    from nasbench_harness.training.settings import TrainingSettings

    digits = _digits()
    return Context(
        space=Subspace.full(),
        shape=NetworkShape(4, 1, 1, 10),
        train_images=DeviceImages(digits, digits.train[:100]),
        training=TrainingSettings(batch_size=BATCH, learning_rate=0.05, augmentation=Augmentation(False, 1)),
        budget=Budget(updates),
        seed_axes=("conformance", seed),
        progress=Silent(),
        scoring_images=DeviceImages(digits, digits.valid[:30]),
        scoring_batch=30,
        checkpoints=Checkpoints(folder, "conformance"),
    )


@lru_cache(maxsize=1)
def _digits() -> Any:
    from nasbench_harness.images import ImageSpec, load_image_set

    return load_image_set(ImageSpec("digits"))


def _cells(scorer: Scorer) -> npt.NDArray[np.int64]:
    """Some live cells among those that the strategy ranks, ascending."""
    cells = connected_live_cells()
    if scorer.ranked is not None:
        cells = cells[scorer.ranked.contains(cells)]
    return np.sort(np.random.default_rng(0).permutation(cells)[:SCORED_CELLS])


@contextlib.contextmanager
def _counted() -> Iterator[dict[str, int]]:
    """Counts of optimiser steps, done one by one, and of images through supernets, with and without gradients."""
    import torch
    from torch.nn.modules.module import register_module_forward_pre_hook
    from torch.optim.optimizer import register_optimizer_step_post_hook

    from nasbench_harness.supernet.network import Supernet
    from nasbench_harness.training.native_steps import one_by_one

    counts = {"steps": 0, "trained_images": 0, "seen_images": 0}

    def step(*_: object) -> None:
        counts["steps"] += 1

    def forward(module: torch.nn.Module, inputs: tuple[Any, ...]) -> None:
        if isinstance(module, Supernet):
            counts["trained_images" if torch.is_grad_enabled() else "seen_images"] += len(inputs[0])

    handles = [register_optimizer_step_post_hook(step), register_module_forward_pre_hook(forward)]
    try:
        with one_by_one():
            yield counts
    finally:
        for handle in handles:
            handle.remove()
