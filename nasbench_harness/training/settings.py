"""How networks train and what a stage of training is: plain descriptions."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from nasbench_harness.images.augmentation import Augmentation
from nasbench_harness.space import Subspace
from nasbench_harness.training.budget import FORWARDS_AN_UPDATE
from nasbench_harness.training.objectives import CrossEntropy, Objective
from nasbench_harness.training.samplers import Sampler


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
class Stage:
    """One stretch of training with a fresh optimiser and schedule: what trains, for how long, and who is drawn.

    ``updates`` is its share of the budget, what ``objective`` adds included. ``rate_scale`` multiplies both learning
    rates. The name is unique within a strategy: random draws and checkpoints go by it.
    """

    name: str
    subspace: Subspace
    updates: int
    sampler: Sampler
    objective: Objective = field(default_factory=CrossEntropy)
    rate_scale: float = 1.0

    def cost_of_step(self, batch_size: int) -> tuple[int, int]:
        """What one optimiser step takes: architecture-updates, and forward passes without gradient."""
        images = batch_size * self.sampler.per_step(self.subspace)
        return images, images * self.objective.forwards

    def steps(self, batch_size: int) -> int:
        """Whole optimiser steps that fit into ``updates``."""
        updates, forwards = self.cost_of_step(batch_size)
        return self.updates * FORWARDS_AN_UPDATE // (updates * FORWARDS_AN_UPDATE + forwards)


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
