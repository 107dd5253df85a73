"""One stage of one network, advanced in steps: can be stopped, saved, restored and interleaved with others."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nasbench_harness.errors import RunError, UsageError
from nasbench_harness.images.batches import DeviceImages
from nasbench_harness.progress import Progress
from nasbench_harness.seeding import derive_rng, derive_seed
from nasbench_harness.supernet.network import Supernet, live_codes
from nasbench_harness.training.budget import Budget
from nasbench_harness.training.settings import LossCurve, Stage, TrainingSettings, rate_at

LOSS_POINTS = 50
"""Points of the stored loss curve; each is a mean over its stretch of steps, and a check for divergence."""


class StageRun:
    """The state of a stage: weights (of the network it is given), momenta, place in the schedule, loss so far.

    All random draws derive from the seed axes and the stage's name, so the place in the stage is all that has to be
    remembered of them.
    """

    def __init__(
        self,
        network: Supernet,
        stage: Stage,
        images: DeviceImages,
        settings: TrainingSettings,
        budget: Budget,
        seed_axes: tuple[object, ...],
        route_A: np.ndarray | None = None,
    ) -> None:
        """``route_A`` ``[15625, cells]`` names the cell copies that each architecture uses (``None``: the first).

        Raises ``UsageError`` when the stage is shorter than one step or a batch larger than the image set.
        """
        self.network, self.stage, self.images, self.settings, self.budget = network, stage, images, settings, budget
        self.seed_axes, self.route_A = seed_axes, route_A
        self.per_step = stage.sampler.per_step(stage.subspace)
        self.steps = stage.steps(settings.batch_size)
        if settings.batch_size > len(images):
            raise UsageError(f"training.batch_size {settings.batch_size} exceeds the {len(images)} training images")
        if self.steps < 1:
            raise UsageError(
                f"stage {stage.name!r} has {stage.updates} architecture-updates, less than one step of "
                f"{settings.batch_size * self.per_step}; raise budget.epochs or train fewer sub-supernets"
            )
        self.done = 0
        self.stretch = max(1, self.steps // LOSS_POINTS)
        self.seen: list[int] = []
        self.losses: list[float] = []
        self._total = torch.zeros((), device=images.labels.device)
        self._pending = 0
        drawn = stage.sampler.draw(stage.subspace, self.steps, derive_rng(*seed_axes, stage.name, "architectures"))
        self._drawn = drawn.reshape(-1)
        self._codes = live_codes(self._drawn)
        self._batches: Iterator[tuple[Tensor, Tensor]] | None = None
        self._optimiser = torch.optim.SGD(
            network.parameters(),
            lr=settings.learning_rate,
            momentum=settings.momentum,
            nesterov=settings.nesterov,
            weight_decay=settings.weight_decay,
        )

    @property
    def updates(self) -> int:
        """Architecture-updates of the whole stage, those of the objective's forward passes aside."""
        return self.steps * self.per_step * self.settings.batch_size

    @property
    def architectures(self) -> np.ndarray:
        """Our indices of all architectures of the stage in the order of training, ``[steps * per_step]``."""
        return self._drawn

    @property
    def steps_an_epoch(self) -> int:
        """Steps of one pass over the training images."""
        return len(self.images) // self.settings.batch_size

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""
        return self.done >= self.steps

    @property
    def curve(self) -> LossCurve:
        """The loss so far."""
        return LossCurve(self.stage.name, tuple(self.seen), tuple(self.losses))

    def advance(self, steps: int, progress: Progress) -> None:
        """Do at most ``steps`` more steps, metered; ``RunError`` when the loss is no longer finite."""
        self.network.train()
        if self._batches is None:
            seed = derive_seed(*self.seed_axes, self.stage.name, "images")
            self._batches = self.images.training_batches(
                self.settings.batch_size, self.settings.augmentation, seed, self.done
            )
        for _ in range(min(steps, self.steps - self.done)):
            self._step(*next(self._batches))
            self.done += 1
            self._pending += 1
            if self._pending == self.stretch or self.finished:
                self._close_stretch(progress)

    def _step(self, x_NCHW: Tensor, labels: Tensor) -> None:
        for group in self._optimiser.param_groups:
            group["lr"] = self.stage.rate_scale * rate_at(self.done / self.steps, self.settings)
        self._optimiser.zero_grad(set_to_none=True)
        for position in range(self.done * self.per_step, (self.done + 1) * self.per_step):
            architecture = int(self._drawn[position])
            route = None if self.route_A is None else tuple(self.route_A[architecture].tolist())
            logits = self.network(x_NCHW, self._codes[position], route)
            loss = self.stage.objective(logits, labels, x_NCHW, architecture, position)
            loss.backward()  # type: ignore[no-untyped-call]
            self._total += loss.detach()
        if self.settings.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip_norm)
        self._optimiser.step()
        self.budget.spend(*self.stage.cost_of_step(self.settings.batch_size))

    def _close_stretch(self, progress: Progress) -> None:
        mean = float(self._total) / (self._pending * self.per_step)  # the only host synchronisation of the loop
        if not math.isfinite(mean):
            raise RunError(
                f"stage {self.stage.name!r} diverged by step {self.done} of {self.steps} (loss {mean}); "
                "lower training.learning_rate or set training.clip_norm"
            )
        self.seen.append(self.done * self.per_step * self.settings.batch_size)
        self.losses.append(mean)
        progress.advance(self._pending * self.per_step * self.settings.batch_size)
        self._total.zero_()
        self._pending = 0

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that a later process needs to go on, or only the outcome once the stage is finished."""
        tensors = {f"weight/{name}": weight for name, weight in self.network.state_dict().items()}
        values: dict[str, Any] = {"done": self.done, "seen": self.seen, "losses": self.losses}
        if not self.finished:
            momenta = {
                name: self._optimiser.state[weight]["momentum_buffer"]
                for name, weight in self.network.named_parameters()
                if self._optimiser.state.get(weight, {}).get("momentum_buffer") is not None
            }
            tensors |= {f"momentum/{name}": buffer for name, buffer in momenta.items()}
            tensors["loss of the stretch"] = self._total
            values["pending"] = self._pending
        return tensors, values

    def restore(self, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
        """Take up what ``state`` gave; the budget is charged with the steps that were done then."""
        with torch.no_grad():
            for name, weight in self.network.state_dict().items():
                weight.copy_(tensors[f"weight/{name}"])  # keeps the weight's own memory layout
            for name, parameter in self.network.named_parameters():
                buffer = tensors.get(f"momentum/{name}")
                if buffer is not None:
                    self._optimiser.state[parameter]["momentum_buffer"] = torch.empty_like(parameter).copy_(buffer)
            if "loss of the stretch" in tensors:
                self._total.copy_(tensors["loss of the stretch"])
        self.done, self._pending = int(values["done"]), int(values.get("pending", 0))
        self.seen, self.losses = list(values["seen"]), list(values["losses"])
        updates, forwards = self.stage.cost_of_step(self.settings.batch_size)
        self.budget.spend(self.done * updates, self.done * forwards)
        self._batches = None
