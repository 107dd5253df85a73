"""One stage of one network, advanced in steps: can be stopped, saved, restored and interleaved with others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nasbench_harness.errors import UsageError
from nasbench_harness.images.batches import DeviceImages
from nasbench_harness.seeding import derive_rng, derive_seed
from nasbench_harness.space import index_to_code
from nasbench_harness.supernet.network import Supernet, live_codes, weights_digest
from nasbench_harness.training.budget import Budget
from nasbench_harness.training.first_steps import FirstSteps
from nasbench_harness.training.loop import TrainingLoop
from nasbench_harness.training.native_steps import NativeSteps
from nasbench_harness.training.objectives import CrossEntropy
from nasbench_harness.training.settings import Stage, TrainingSettings, rate_of_step
from nasbench_harness.training.unsampled import WeightUpdates


class StageRun(TrainingLoop):
    """The state of a stage: weights (of the network it is given), momenta, place in the schedule, loss so far.

    All random draws derive from the seed axes and the stage's name, so the place in the stage is all that has to be
    remembered of them. A method whose step differs overrides ``begin_step``, ``loss_of``, ``weights_of`` and
    ``cost_before``; the loop, the meter and the checkpoints stay these.
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
        self.network, self.stage, self.images, self.settings = network, stage, images, settings
        self.seed_axes, self.route_A = seed_axes, route_A
        self.per_step = stage.sampler.per_step(stage.subspace)
        self.batches = settings.batches_of(len(images))
        if settings.batch_size > len(images):
            raise UsageError(f"training.batch_size {settings.batch_size} exceeds the {len(images)} training images")
        self.steps = stage.steps(self.batches)
        if self.steps < 1:
            raise UsageError(
                f"stage {stage.name!r} has {stage.updates} architecture-updates, less than one step of "
                f"{settings.batch_size * self.per_step}; raise budget.epochs or train fewer sub-supernets"
            )
        super().__init__(stage.name, self.steps, budget, images.labels.device)
        self.losses_a_step = self.per_step
        self.tells_cross_entropy = not isinstance(stage.objective, CrossEntropy)
        drawn = stage.sampler.draw(stage.subspace, self.steps, derive_rng(*seed_axes, stage.name, "architectures"))
        self._drawn = drawn.reshape(-1)
        self.beginning = FirstSteps(self._drawn)
        self.weights_before = self.weights_digest()
        self.codes = live_codes(self._drawn)
        self._batches: Iterator[tuple[Tensor, Tensor]] | None = None
        self._native: NativeSteps | Literal["to be chosen"] | None = "to be chosen"
        self._optimiser = torch.optim.SGD(
            network.parameters(),
            lr=settings.learning_rate,
            momentum=settings.momentum,
            nesterov=settings.nesterov,
            weight_decay=settings.weight_decay,
        )
        self.weights = WeightUpdates(self._optimiser, settings.unsampled_weights)

    def updates_before(self, step: int) -> int:
        """Architecture-updates of the first ``step`` steps."""
        return self.batches.images_before(step) * self.per_step

    def updates_of(self, groups: np.ndarray, count: int) -> np.ndarray:
        """Architecture-updates of the whole stage by group, ``[count]``; ``groups`` numbers all architectures' own."""
        images_S = np.diff([self.batches.images_before(step) for step in range(self.steps + 1)])
        images = np.repeat(images_S, self.per_step)
        return np.bincount(groups[self._drawn], weights=images, minlength=count).astype(np.int64)

    @property
    def architectures(self) -> np.ndarray:
        """Our indices of all architectures of the stage in the order of training, ``[steps * per_step]``."""
        return self._drawn

    @property
    def steps_an_epoch(self) -> int:
        """Steps of one pass over the training images."""
        return self.batches.batches_a_pass

    def weights_digest(self) -> str:
        """Digest of the network's weights and buffers as they are."""
        return weights_digest(self.network)

    def begin_turn(self) -> None:
        """Somebody may have scored with the network meanwhile."""
        self.network.train()

    def several(self, most: int) -> Iterable[Sequence[Tensor]]:
        """The next steps, in one call where they can be done natively."""
        if self._native == "to be chosen":
            self._native = NativeSteps.of(self) if self._steps_are_plain() else None
        if self._native is None:
            return super().several(most)
        count = 1 if self.beginning.missing else min(most, self._native.left_in_pass())
        rates = [self.rate_of(step) for step in range(self.done, self.done + count)]
        if self.beginning.missing:
            self.beginning.note_batch(self._native.labels())
            self.beginning.note_rate(rates[0])
        self.learning_rate = rates[-1]
        return [losses.unbind() for losses in self._native.train(np.array(rates))]

    def _steps_are_plain(self) -> bool:
        """Whether a step is what this class makes of it."""
        own = type(self)
        return (own.step, own.begin_step, own.loss_of, own.weights_of) == (
            StageRun.step, StageRun.begin_step, StageRun.loss_of, StageRun.weights_of
        )  # fmt: skip

    def rate_of(self, step: int) -> float:
        """Learning rate of a step."""
        rate = rate_of_step(step, self.steps, self.steps_an_epoch, self.settings, self.stage.schedule)
        return self.stage.rate_scale * rate

    def step(self) -> list[Tensor]:
        """One step on the next batch of images; the losses of its architectures."""
        if self._batches is None:
            seed = derive_seed(*self.seed_axes, self.stage.name, "images")
            self._batches = self.images.training_batches(
                self.settings.batch_size, self.settings.augmentation, seed, self.done, self.settings.last_batch
            )
        x_NCHW, labels = next(self._batches)
        self.beginning.note_batch(labels)
        self.begin_step()
        self.weights.drop_gradients()
        losses = []
        for position in range(self.done * self.per_step, (self.done + 1) * self.per_step):
            loss = self.loss_of(position, x_NCHW, labels)
            loss.backward()  # type: ignore[no-untyped-call]
            losses.append(loss.detach())
            if not self.weights.follows_all:
                self.weights.note_sampled(self.weights_of(position))
        if self.settings.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip_norm)
        self.learning_rate = self.rate_of(self.done)
        self.beginning.note_rate(self.learning_rate)
        self.weights.step(self.learning_rate)
        return losses

    def begin_step(self) -> None:
        """What precedes the passes of the step ``done``; nothing here."""

    def loss_of(self, position: int, x_NCHW: Tensor, labels: Tensor) -> Tensor:
        """The loss to descend of the architecture at a position of the stage, counted over all steps."""
        architecture = int(self._drawn[position])
        logits = self.network(x_NCHW, self.codes[position], self._route_of(architecture))
        if self.tells_cross_entropy:
            self.note_cross_entropy(F.cross_entropy(logits.detach(), labels))
        return self.stage.objective(logits, labels, x_NCHW, architecture, position)

    def weights_of(self, position: int) -> Iterable[Tensor]:
        """The weights of all operations of the architecture at a position, those on dead edges included."""
        architecture = int(self._drawn[position])
        code = tuple(index_to_code(np.array([architecture]))[0].tolist())
        return self.network.weights_of(code, self._route_of(architecture))

    def cost_before(self, step: int) -> tuple[int, int]:
        """What the first ``step`` steps take: architecture-updates, and forward passes without gradient."""
        updates = self.updates_before(step)
        return updates, updates * self.stage.objective.forwards

    def _route_of(self, architecture: int) -> tuple[int, ...] | None:
        return None if self.route_A is None else tuple(self.route_A[architecture].tolist())

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that a later process needs to resume, or only the outcome once the stage is finished."""
        tensors, values = super().state()
        tensors |= {f"weight/{name}": weight for name, weight in self.network.state_dict().items()}
        if not self.finished:
            momenta = {
                name: self._optimiser.state[weight]["momentum_buffer"]
                for name, weight in self.network.named_parameters()
                if self._optimiser.state.get(weight, {}).get("momentum_buffer") is not None
            }
            tensors |= {f"momentum/{name}": buffer for name, buffer in momenta.items()}
            if used := self.weights.used(self.network.named_parameters()):
                values["used"] = used
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
        self.weights.restore_used(self.network.named_parameters(), values.get("used", ()))
        super().restore(tensors, values)
        self._batches, self._native = None, "to be chosen"
