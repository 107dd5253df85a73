"""How networks train and what a stage of training is: plain descriptions."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

from nasbench_harness.images.augmentation import Augmentation
from nasbench_harness.images.batch_sizes import BatchSizes, LastBatch
from nasbench_harness.space import Subspace
from nasbench_harness.training.budget import FORWARDS_AN_UPDATE
from nasbench_harness.training.objectives import CrossEntropy, Objective
from nasbench_harness.training.samplers import Sampler

UnsampledWeights = Literal["freeze", "decay", "decay-only", "momentum-only"]
"""What a step does to weights that it does not use but an earlier step did; ``training.unsampled`` has the rules."""

RateChanges = Literal["step", "epoch"]
"""How often the cosine moves: at each step, or once for each pass over the images (the released few-shot codes)."""


LaterRate = Literal["restart", "continue"]
"""The learning rate of a stage that follows another: a new cosine, or the next stretch of one over all of them."""

Stretch = tuple[float, float]
"""Where a stage begins and ends on its cosine, as shares of it."""

WHOLE: Stretch = (0.0, 1.0)

NEVER: Stretch = (1.0, 1.0)
"""The window of a stage whose network never speaks for the strategy."""


@dataclass(frozen=True)
class TrainingSettings:
    """How every network of an experiment trains: SGD with momentum, cosine rate per step."""

    batch_size: int = 64
    learning_rate: float = 0.025
    learning_rate_end: float = 0.001
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 5e-4
    clip_norm: float | None = None
    augmentation: Augmentation = field(default_factory=Augmentation)
    unsampled_weights: UnsampledWeights = "freeze"
    last_batch: LastBatch = "drop"
    rate_changes: RateChanges = "step"

    def batches_of(self, images: int) -> BatchSizes:
        """The batches that training on so many images takes."""
        return BatchSizes(images, self.batch_size, self.last_batch)


@dataclass(frozen=True)
class Stage:
    """One stretch of training with a new optimiser and schedule: what trains, for how long, and who is drawn.

    ``updates`` is its share of the budget, what ``objective`` adds included. ``rate_scale`` multiplies both learning
    rates; ``schedule`` is the stretch of the cosine that the stage goes through. The name is unique within a strategy:
    random draws and checkpoints go by it. ``window``: the stretch of the whole budget that it stands for, for
    trajectories; stages of networks side by side have the same.
    """

    name: str
    subspace: Subspace
    updates: int
    sampler: Sampler
    objective: Objective = field(default_factory=CrossEntropy)
    rate_scale: float = 1.0
    schedule: Stretch = WHOLE
    window: Stretch = WHOLE

    def cost_of_step(self, batch_size: int) -> tuple[int, int]:
        """What one optimiser step takes: architecture-updates, and forward passes without gradient."""
        images = batch_size * self.sampler.per_step(self.subspace)
        return images, images * self.objective.forwards

    def steps(self, batches: BatchSizes) -> int:
        """Whole optimiser steps that fit into ``updates``."""
        updates, forwards = self.cost_of_step(1)
        return batches.steps_within(self.updates * FORWARDS_AN_UPDATE // (updates * FORWARDS_AN_UPDATE + forwards))

    def updates_in(self, batches: BatchSizes) -> int:
        """Architecture-updates of all its steps, those of the objective's forward passes aside."""
        return batches.images_before(self.steps(batches)) * self.sampler.per_step(self.subspace)


@dataclass(frozen=True)
class LossCurve:
    """Mean training loss per stretch of a stage, against the architecture-updates done in the stage by its end.

    ``first_losses`` and ``first_rates`` of its first steps, and ``draws``, the digest of what it drew:
    ``training.first_steps``. ``weights``: digests of the weights before and after it, empty where they are not told.
    ``cross_entropy``, in nats, where the loss has other terms too, such as distillation; else ``None``: it is the loss.
    """

    stage: str
    updates: tuple[int, ...]
    loss: tuple[float, ...]
    first_losses: tuple[float, ...] = ()
    draws: str = ""
    cross_entropy: tuple[float, ...] | None = None
    first_rates: tuple[float, ...] = ()
    weights: tuple[str, str] = ("", "")

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; ``cross_entropy`` only where it is told apart."""
        values = {
            "stage": self.stage,
            "updates": list(self.updates),
            "loss": list(self.loss),
            "first_losses": list(self.first_losses),
            "first_rates": list(self.first_rates),
            "draws": self.draws,
            "weights": list(self.weights),
        }
        return values if self.cross_entropy is None else values | {"cross_entropy": list(self.cross_entropy)}


def rate_of_step(
    step: int, steps: int, steps_a_pass: int, settings: TrainingSettings, schedule: Stretch = WHOLE
) -> float:
    """Learning rate of a step of a stage of ``steps``; constant within a pass where that is the setting."""
    place = step - step % steps_a_pass if settings.rate_changes == "epoch" else step
    first, last = schedule
    return rate_at(first + (last - first) * (place / steps), settings)


def rate_at(progress: float, settings: TrainingSettings) -> float:
    """Learning rate when a share ``progress`` (0 to 1) of the cosine is done."""
    span = settings.learning_rate - settings.learning_rate_end
    return settings.learning_rate_end + span * (1 + math.cos(math.pi * progress)) / 2
