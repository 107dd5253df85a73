"""Steps of a stage without Python in between: what a stage trains and how, handed to one call for many steps.

Losses, weights and momenta differ from those of steps one by one in rounding alone (head, loss and optimiser are
written out here and torch's there). A stage is trained by one of the two from its first step to its last, also after an
interruption, so its bits do not depend on where it was cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nasbench_harness.images.batch_sizes import BatchSizes
from nasbench_harness.images.batches import DeviceImages, DrawnPass
from nasbench_harness.native.steps import Descent, ImagesOfPass, TrainedWeight, Trainer
from nasbench_harness.seeding import derive_seed
from nasbench_harness.space import NONE, index_to_code
from nasbench_harness.supernet.native_engine.steps import layout_of, steps_kernels
from nasbench_harness.supernet.network import Code, Supernet
from nasbench_harness.supernet.operations import EPSILON
from nasbench_harness.training.objectives import CrossEntropy
from nasbench_harness.training.settings import Stage, TrainingSettings
from nasbench_harness.training.unsampled import WeightUpdates

_one_by_one: ContextVar[bool] = ContextVar("steps one by one", default=False)


@contextmanager
def one_by_one() -> Iterator[None]:
    """Inside, stages that begin train step by step through the modules of their networks, where hooks see them."""
    token = _one_by_one.set(True)
    try:
        yield
    finally:
        _one_by_one.reset(token)


class PlainStage(Protocol):
    """What is asked of a ``training.stage_run.StageRun``."""

    network: Supernet
    stage: Stage
    images: DeviceImages
    settings: TrainingSettings
    batches: BatchSizes
    weights: WeightUpdates
    codes: list[Code]
    route_A: np.ndarray[Any, Any] | None
    seed_axes: tuple[object, ...]
    steps: int
    per_step: int
    done: int

    @property
    def architectures(self) -> np.ndarray[Any, Any]:
        """All architectures of the stage, in the order of training."""

    @property
    def steps_an_epoch(self) -> int:
        """Steps of one pass over the images."""


class NativeSteps:
    """Does the steps of ``run`` in calls of many; ``of`` makes one for the stages of which it can."""

    def __init__(self, run: PlainStage, trainer: Trainer) -> None:
        self._run, self._trainer = run, trainer
        self._layout = layout_of(run.network, run.images.pixels.shape[2])
        self._codes = np.array(run.codes, dtype=np.uint8).reshape(run.steps, run.per_step, -1)
        self._passes = run.images.passes(
            run.settings.augmentation, derive_seed(*run.seed_axes, run.stage.name, "images")
        )
        self._pass: DrawnPass | None = None
        self._number = -1

    @classmethod
    def of(cls, run: PlainStage) -> NativeSteps | None:
        """Steps for a stage that is trained by cross-entropy alone, on a processor with kernels; else None."""
        settings, images = run.settings, run.images.pixels
        if _one_by_one.get() or not isinstance(run.stage.objective, CrossEntropy):
            return None
        if images.device.type != "cpu" or images.shape[2] != images.shape[3]:
            return None
        if (np.array(run.codes) == NONE).all(axis=1).any():  # without a path nothing is trained
            return None
        found = steps_kernels(run.network, settings.batch_size, images.shape[2])
        return None if found is None else cls(run, Trainer(found))

    def left_in_pass(self) -> int:
        """Steps until the images are drawn anew."""
        return self._run.steps_an_epoch - self._run.done % self._run.steps_an_epoch

    def labels(self) -> Tensor:
        """Of the images of the next step."""
        run = self._run
        order = self._this_pass().order
        here = slice(self._place(run.done), self._place(run.done + 1))
        return run.images.labels[order[here]]

    def _this_pass(self) -> DrawnPass:
        while self._number < self._run.done // self._run.steps_an_epoch:
            self._pass, self._number = next(self._passes), self._number + 1
        assert self._pass is not None
        return self._pass

    def _place(self, step: int) -> int:
        """Where the images of a step begin in the order of the pass at hand; behind its last step they end."""
        start = self._number * self._run.steps_an_epoch
        return self._run.batches.images_before(step) - self._run.batches.images_before(start)

    def train(self, rates: npt.NDArray[np.float64]) -> Tensor:
        """The next steps, all within a pass, at ``rates`` ``[steps]``; losses ``[steps, per_step]``."""
        run, steps = self._run, len(rates)
        drawn_now = self._this_pass()
        first = run.done * run.per_step
        last = first + steps * run.per_step
        bounds = [self._place(step) for step in range(run.done, run.done + steps + 1)]
        drawn = run.architectures[first:last]
        sampled = index_to_code(drawn).astype(np.uint8).reshape(steps, run.per_step, -1)
        routes = None if run.route_A is None else run.route_A[drawn].astype(np.int64)
        weights = [TrainedWeight(weight, *run.weights.taken(weight)) for weight in run.network.parameters()]
        settings = run.settings
        descent = Descent(
            settings.unsampled_weights, settings.momentum, settings.nesterov, settings.weight_decay, settings.clip_norm
        )
        losses = self._trainer.train(
            self._layout, weights, descent, EPSILON, self._images(drawn_now), np.array(bounds, dtype=np.int64),
            self._codes[run.done : run.done + steps], sampled, routes, rates,
        )  # fmt: skip
        for weight in weights:
            run.weights.give_back(weight.numbers, weight.momentum, weight.sampled, weight.moved)
        if run.done + steps == run.steps:
            self._trainer.close()
        return torch.from_numpy(losses).to(self._trainer.dtype)

    def _images(self, drawn: DrawnPass) -> ImagesOfPass:
        images, augmentation = self._run.images, self._run.settings.augmentation
        return ImagesOfPass(
            images.pixels,
            images.labels,
            images.pixel_values().to(self._trainer.dtype),
            drawn.order,
            drawn.flips if augmentation.flip else None,
            drawn.offsets if augmentation.crop_padding else None,
            augmentation.crop_padding,
            augmentation.crop_fill == "black",
        )
