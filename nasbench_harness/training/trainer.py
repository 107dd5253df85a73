"""Training of one (sub-)supernet: network, images, sampler, share of the budget in; trained weights and loss out."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from nasbench_harness.errors import RunError, UsageError
from nasbench_harness.images.batches import Augmentation, DeviceImages
from nasbench_harness.progress import Progress
from nasbench_harness.seeding import derive_rng, derive_seed
from nasbench_harness.space import Subspace
from nasbench_harness.supernet.network import Code, Supernet, live_codes
from nasbench_harness.training.budget import Budget
from nasbench_harness.training.samplers import Sampler

LOSS_POINTS = 50
"""Points of the stored loss curve; each is a mean over its stretch of steps, and a check for divergence."""


@dataclass(frozen=True)
class TrainingSettings:
    """How every network of an experiment trains: SGD with momentum, cosine rate per step (methods 0.5, 1.1 [C])."""

    batch_size: int = 64
    learning_rate: float = 0.025
    learning_rate_end: float = 0.001
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 5e-4
    clip_norm: float | None = None
    augmentation: Augmentation = field(default_factory=Augmentation)


@dataclass(frozen=True)
class LossCurve:
    """Mean training loss per stretch of a stage, against the architecture-updates done in the stage by its end."""

    stage: str
    updates: tuple[int, ...]
    loss: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"stage": self.stage, "updates": list(self.updates), "loss": list(self.loss)}


def rate_at(progress: float, settings: TrainingSettings) -> float:
    """Learning rate when a share ``progress`` (0 to 1) of the stage's steps is done."""
    span = settings.learning_rate - settings.learning_rate_end
    return settings.learning_rate_end + span * (1 + math.cos(math.pi * progress)) / 2


@dataclass(frozen=True)
class Stage:
    """One stretch of training with a fresh optimiser and schedule: what trains, for how long, and who is drawn."""

    name: str
    subspace: Subspace
    updates: int
    sampler: Sampler


def train(
    network: Supernet,
    stage: Stage,
    images: DeviceImages,
    settings: TrainingSettings,
    budget: Budget,
    seed_axes: tuple[object, ...],
    progress: Progress,
    route_A: np.ndarray | None = None,
) -> LossCurve:
    """Train ``network`` in place on ``stage.updates`` architecture-updates, as many as fit in whole steps.

    ``route_A`` ``[15625, cells]`` names the cell copies that each architecture uses (``None``: the first copies).
    Raises ``RunError`` when the loss is no longer finite, ``UsageError`` when the stage is shorter than one step or a
    batch larger than the image set.
    """
    per_step = stage.sampler.per_step
    steps = stage.updates // (settings.batch_size * per_step)
    if settings.batch_size > len(images):
        raise UsageError(f"training.batch_size {settings.batch_size} exceeds the {len(images)} training images")
    if steps < 1:
        raise UsageError(
            f"stage {stage.name!r} has {stage.updates} architecture-updates, less than one step of "
            f"{settings.batch_size * per_step}; raise budget.epochs or train fewer sub-supernets"
        )
    drawn = stage.sampler.draw(stage.subspace, steps, derive_rng(*seed_axes, stage.name, "architectures"))
    codes = live_codes(drawn.reshape(-1))
    routes = None if route_A is None else [tuple(route) for route in route_A[drawn.reshape(-1)].tolist()]
    batches = images.training_batches(
        settings.batch_size, settings.augmentation, derive_seed(*seed_axes, stage.name, "images")
    )
    optimiser = torch.optim.SGD(
        network.parameters(),
        lr=settings.learning_rate,
        momentum=settings.momentum,
        nesterov=settings.nesterov,
        weight_decay=settings.weight_decay,
    )
    network.train()
    progress.start(stage.name, steps * per_step * settings.batch_size, "updates")
    stretch = max(1, steps // LOSS_POINTS)
    total = torch.zeros((), device=images.labels.device)
    seen: list[int] = []
    losses: list[float] = []
    pending = 0
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = rate_at(step / steps, settings)
        x_NCHW, labels = next(batches)
        optimiser.zero_grad(set_to_none=True)
        for position in range(step * per_step, (step + 1) * per_step):
            code: Code = codes[position]
            loss = F.cross_entropy(network(x_NCHW, code, None if routes is None else routes[position]), labels)
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
        if settings.clip_norm is not None:
            nn.utils.clip_grad_norm_(network.parameters(), settings.clip_norm)
        optimiser.step()
        budget.spend(per_step * settings.batch_size)
        pending += 1
        if pending == stretch or step == steps - 1:
            mean = float(total) / (pending * per_step)  # the only host synchronisation of the loop
            if not math.isfinite(mean):
                raise RunError(
                    f"stage {stage.name!r} diverged by step {step + 1} of {steps} (loss {mean}); "
                    "lower training.learning_rate or set training.clip_norm"
                )
            seen.append((step + 1) * per_step * settings.batch_size)
            losses.append(mean)
            progress.advance(pending * per_step * settings.batch_size)
            total.zero_()
            pending = 0
    return LossCurve(stage.name, tuple(seen), tuple(losses))
