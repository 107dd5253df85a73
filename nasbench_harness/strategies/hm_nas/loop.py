"""A training loop of HM-NAS: metered, with checkpoints, and drawn from its name alone, as stages are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from nasbench_harness.images.batches import DeviceImages
from nasbench_harness.seeding import derive_seed
from nasbench_harness.space import N_EDGES
from nasbench_harness.strategies.context import Context
from nasbench_harness.strategies.hm_nas.edges import MIXED
from nasbench_harness.training.loop import TrainingLoop
from nasbench_harness.training.settings import LossCurve

MIXTURE_UPDATES = N_EDGES * len(MIXED) // N_EDGES
"""Architecture-updates of one mixture on one image: it computes 24 operations, an architecture at most 6."""


class Loop(TrainingLoop):
    """A loop with optimisers of named tensors; each step takes one batch from every set of ``images``."""

    def __init__(self, context: Context, name: str, updates: int, images: Mapping[str, DeviceImages]) -> None:
        """``updates`` is its share of the budget."""
        self.updates_a_step = context.training.batch_size * MIXTURE_UPDATES * len(images)
        device = context.train_images.labels.device
        super().__init__(name, updates // self.updates_a_step, context.budget, device)
        self.context, self._images = context, images
        self._batches: dict[str, Iterator[tuple[Tensor, Tensor]]] = {}
        self.optimisers: dict[str, tuple[torch.optim.Optimizer, dict[str, Tensor]]] = {}

    @property
    def steps_an_epoch(self) -> int:
        """Steps of one pass over the smallest of the image sets."""
        return min(len(images) for images in self._images.values()) // self.context.training.batch_size

    def updates_before(self, step: int) -> int:
        """Architecture-updates of the first ``step`` steps."""
        return step * self.updates_a_step

    def batch(self, name: str) -> tuple[Tensor, Tensor]:
        """The step's batch of one of the image sets."""
        if name not in self._batches:
            seed = derive_seed(*self.context.seed_axes, self.name, "images", name)
            training = self.context.training
            self._batches[name] = self._images[name].training_batches(
                training.batch_size, training.augmentation, seed, self.done
            )
        x_NCHW, labels = next(self._batches[name])
        self.beginning.note_batch(labels)
        return x_NCHW, labels

    def run(self) -> LossCurve:
        """Do all steps, metered; an interrupted loop resumes from its last checkpoint and ends with the same bits."""
        return self.context.train_together([self], self.name)[0]

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """What is trained and the state of its optimisers, finished or not."""
        tensors, values = super().state()
        for name, (optimiser, learnt) in self.optimisers.items():
            for part, tensor in learnt.items():
                tensors[f"{name}/{part}/value"] = tensor
                for number, value in optimiser.state.get(tensor, {}).items():
                    if isinstance(value, Tensor):
                        tensors[f"{name}/{part}/{number}"] = value
        return tensors, values

    def restore(self, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
        """Take up what ``state`` gave."""
        for name, (optimiser, learnt) in self.optimisers.items():
            for part, tensor in learnt.items():
                prefix = f"{name}/{part}/"
                own = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
                with torch.no_grad():
                    tensor.copy_(own.pop("value"))
                for number, value in own.items():
                    # moments take the tensor's memory layout, Adam's count of steps has none
                    like = torch.empty_like(tensor, requires_grad=False)
                    optimiser.state[tensor][number] = like.copy_(value) if value.shape == tensor.shape else value
        super().restore(tensors, values)


def descend(loss: Tensor, tensors: list[Tensor], optimiser: torch.optim.Optimizer, clip: float | None = None) -> None:
    """One step of ``tensors`` alone: gradients of others are neither computed nor kept."""
    for tensor, gradient in zip(tensors, torch.autograd.grad(loss, tensors), strict=True):
        tensor.grad = gradient
    if clip is not None:
        nn.utils.clip_grad_norm_(tensors, clip)
    optimiser.step()
