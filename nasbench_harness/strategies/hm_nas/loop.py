"""A training loop of HM-NAS: metered, with checkpoints, and drawn from its name alone, as stages are."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from nasbench_harness.errors import RunError
from nasbench_harness.images.batches import DeviceImages
from nasbench_harness.seeding import derive_seed
from nasbench_harness.space import N_EDGES
from nasbench_harness.strategies.context import Context
from nasbench_harness.strategies.hm_nas.network import MIXED
from nasbench_harness.training import trainer
from nasbench_harness.training.settings import LossCurve
from nasbench_harness.training.stage_run import LOSS_POINTS

MIXTURE_UPDATES = N_EDGES * len(MIXED) // N_EDGES
"""Architecture-updates of one mixture on one image: it computes 24 operations, an architecture at most 6."""


class Loop(ABC):
    """A training loop with a place, and optimisers of named tensors; everything drawn derives from its name."""

    def __init__(self, context: Context, name: str, updates: int, images: Mapping[str, DeviceImages]) -> None:
        """``updates`` is its share of the budget; each step takes one batch from every set of ``images``."""
        self.context, self.name, self._images = context, name, images
        self.updates_a_step = context.training.batch_size * MIXTURE_UPDATES * len(images)
        self.steps = updates // self.updates_a_step
        self.steps_a_pass = min(len(part) for part in images.values()) // context.training.batch_size
        self.done = 0
        self.stretch = max(1, self.steps // LOSS_POINTS)
        self.seen: list[int] = []
        self.losses: list[float] = []
        self._batches: dict[str, Iterator[tuple[Tensor, Tensor]]] = {}
        self.optimisers: dict[str, tuple[torch.optim.Optimizer, dict[str, Tensor]]] = {}

    @abstractmethod
    def step(self) -> Tensor:
        """One optimiser step; the loss."""

    def batch(self, name: str) -> tuple[Tensor, Tensor]:
        """The step's batch of one of the image sets."""
        if name not in self._batches:
            seed = derive_seed(*self.context.seed_axes, self.name, "images", name)
            training = self.context.training
            self._batches[name] = self._images[name].training_batches(
                training.batch_size, training.augmentation, seed, self.done
            )
        return next(self._batches[name])

    def run(self) -> LossCurve:
        """Do all steps, metered; an interrupted loop goes on from its last checkpoint and ends with the same bits."""
        context, key = self.context, f"training of {self.name}"
        context.progress.start(self.name, self.steps * self.updates_a_step, "updates")
        self._restore(key)
        context.progress.advance(self.done * self.updates_a_step)
        saved = time.monotonic()
        while self.done < self.steps:
            steps = min(self.stretch, self.steps - self.done)
            self._stretch(steps)
            # between stretches only, so that no begun mean of the loss has to be stored
            if self.done == self.steps or time.monotonic() - saved >= trainer.SECONDS_BETWEEN_CHECKPOINTS:
                self._save(key)
                saved = time.monotonic()
            context.progress.advance(steps * self.updates_a_step)
        return LossCurve(self.name, tuple(self.seen), tuple(self.losses))

    def _stretch(self, steps: int) -> None:
        total = torch.zeros((), device=self.context.train_images.labels.device)
        for _ in range(steps):
            total += self.step()
            self.done += 1
            self.context.budget.spend(self.updates_a_step)
        mean = float(total) / steps
        if not math.isfinite(mean):
            raise RunError(
                f"stage {self.name!r} diverged by step {self.done} of {self.steps} (loss {mean}); "
                "lower training.learning_rate or set training.clip_norm"
            )
        self.seen.append(self.done * self.updates_a_step)
        self.losses.append(mean)

    def _save(self, key: str) -> None:
        tensors: dict[str, Tensor] = {}
        for name, (optimiser, learnt) in self.optimisers.items():
            for part, tensor in learnt.items():
                tensors[f"{name}/{part}/value"] = tensor
                for number, value in optimiser.state.get(tensor, {}).items():
                    if isinstance(value, Tensor):
                        tensors[f"{name}/{part}/{number}"] = value
        values: dict[str, Any] = {"done": self.done, "seen": self.seen, "losses": self.losses}
        self.context.checkpoints.save(key, tensors, values)

    def _restore(self, key: str) -> None:
        saved = self.context.checkpoints.load(key)
        if saved is None:
            return
        for name, (optimiser, learnt) in self.optimisers.items():
            for part, tensor in learnt.items():
                prefix = f"{name}/{part}/"
                own = {k.removeprefix(prefix): v for k, v in saved.tensors.items() if k.startswith(prefix)}
                with torch.no_grad():
                    tensor.copy_(own.pop("value"))
                for number, value in own.items():
                    # moments take the tensor's memory layout, Adam's count of steps has none
                    like = torch.empty_like(tensor, requires_grad=False)
                    optimiser.state[tensor][number] = like.copy_(value) if value.shape == tensor.shape else value
        self.done, self.seen, self.losses = (saved.values[name] for name in ("done", "seen", "losses"))
        self.context.budget.spend(self.done * self.updates_a_step)


def descend(loss: Tensor, tensors: list[Tensor], optimiser: torch.optim.Optimizer, clip: float | None = None) -> None:
    """One step of ``tensors`` alone: gradients of others are neither computed nor kept."""
    for tensor, gradient in zip(tensors, torch.autograd.grad(loss, tensors), strict=True):
        tensor.grad = gradient
    if clip is not None:
        nn.utils.clip_grad_norm_(tensors, clip)
    optimiser.step()
