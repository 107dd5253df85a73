"""The one training loop: steps with a meter, a loss curve, checkpoints and a check for divergence.

What a step does is a subclass's: a stage of a supernet (``StageRun``), or a method's own (HM-NAS trains importances and
masks by it). ``trainer.train`` advances loops, alone or in turns.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from nasbench_harness.errors import RunError
from nasbench_harness.system.progress import Progress, tell
from nasbench_harness.training.budget import Budget
from nasbench_harness.training.first_steps import FirstSteps
from nasbench_harness.training.readings import Reading
from nasbench_harness.training.settings import LossCurve

LOSS_POINTS = 50
"""Points of the stored loss curve; each is a mean over its stretch of steps, and a check for divergence."""

STRETCH = "loss of the stretch"
CROSS_ENTROPY = "cross-entropy of the stretch"


class Watcher(Protocol):
    """Looks at what a loop trains after some of its steps, and changes nothing; what it saw is part of the state."""

    def after(self, step: int) -> bool:
        """Look if it is time; says whether it did."""

    def next_after(self, step: int) -> int | None:
        """The next step after which it is time."""

    def state(self, done: int) -> Mapping[str, Tensor]:
        """What was seen in the first ``done`` steps."""

    def restore(self, tensors: Mapping[str, Tensor], done: int) -> None:
        """Take up what ``state`` gave."""


@dataclass(frozen=True, eq=False)
class _Stretch:
    """A closed stretch: sums of loss and cross-entropy on their way, over so many ``losses``, and where it ended."""

    sums: Reading
    step: int
    losses: int
    updates: int
    advanced: int
    learning_rate: float | None


class TrainingLoop(ABC):
    """The place in the steps and the loss so far.

    Random draws derive from the name and the place, so the place is all that has to be remembered of them. The name is
    unique within a strategy.
    """

    losses_a_step = 1
    """How many losses ``step`` gives."""

    tells_cross_entropy = False
    """Whether ``step`` notes the cross-entropy of each loss, because the loss has other terms too."""

    def __init__(self, name: str, steps: int, budget: Budget, device: torch.device) -> None:
        """``steps`` optimiser steps, charged to ``budget``."""
        self.name, self.steps, self.budget = name, steps, budget
        self.done = 0
        self.stretch = max(1, steps // LOSS_POINTS)
        self.seen: list[int] = []
        self.losses: list[float] = []
        self.beginning = FirstSteps()
        self.weights_before = ""
        self.cross_entropies: list[float] = []
        self._total, self._cross_entropy = torch.zeros((), device=device), torch.zeros((), device=device)
        self._pending = 0
        self._closed: list[tuple[_Stretch, Progress]] = []
        self.reads_later = device.type == "cuda"
        self.watcher: Watcher | None = None
        self.learning_rate: float | None = None  # of the last step, where a loop notes it

    @abstractmethod
    def step(self) -> Sequence[Tensor]:
        """One optimiser step, number ``done`` from 0; its losses, detached."""

    def several(self, most: int) -> Iterable[Sequence[Tensor]]:
        """At least one and at most ``most`` steps from number ``done`` on; the losses of each."""
        yield self.step()

    def begin_turn(self) -> None:  # noqa: B027 - few loops need it
        """What precedes the steps of one call of ``advance``; nothing here."""

    @abstractmethod
    def updates_before(self, step: int) -> int:
        """Architecture-updates of the first ``step`` steps."""

    def cost_before(self, step: int) -> tuple[int, int]:
        """What the first ``step`` steps take: architecture-updates, and forward passes without gradient."""
        return self.updates_before(step), 0

    @property
    @abstractmethod
    def steps_an_epoch(self) -> int:
        """Steps of one pass over the training images; loops that train in turns change after so many."""

    @property
    def updates(self) -> int:
        """Architecture-updates of all steps, forward passes without gradient aside."""
        return self.updates_before(self.steps)

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""
        return self.done >= self.steps

    @property
    def curve(self) -> LossCurve:
        """The loss so far."""
        self._settle()
        told = tuple(self.cross_entropies) if self.tells_cross_entropy else None
        first = self.beginning
        weights = (self.weights_before, self.weights_digest())
        seen, losses = tuple(self.seen), tuple(self.losses)
        return LossCurve(self.name, seen, losses, first.losses, first.draws, told, first.rates, weights)

    def weights_digest(self) -> str:
        """Digest of the weights as they are; empty where a loop does not tell it."""
        return ""

    def note_cross_entropy(self, value: Tensor) -> None:
        """Count the cross-entropy, detached, of one of the losses of this step."""
        self._cross_entropy += value

    def advance(self, steps: int, progress: Progress) -> None:
        """Do at most ``steps`` more steps, metered; ``RunError`` when the loss is no longer finite."""
        self.begin_turn()
        end = min(self.done + steps, self.steps)
        while self.done < end:
            for losses in self.several(self._undisturbed(end)):
                self._count(losses)
            if self._pending == self.stretch or self.finished:
                self._close_stretch(progress)
            if self.watcher is not None and self.watcher.after(self.done):
                self.begin_turn()

    def _undisturbed(self, end: int) -> int:
        """Steps until ``end``, the end of the stretch, or the next look of the watcher."""
        steps = min(end - self.done, self.stretch - self._pending)
        look = None if self.watcher is None else self.watcher.next_after(self.done)
        return steps if look is None else min(steps, look - self.done)

    def _count(self, losses: Sequence[Tensor]) -> None:
        for loss in losses:
            self._total += loss
        self.beginning.note_losses(losses)
        before, after = self.cost_before(self.done), self.cost_before(self.done + 1)
        self.budget.spend(after[0] - before[0], after[1] - before[1])
        self.done += 1
        self._pending += 1

    def _close_stretch(self, progress: Progress) -> None:
        """Let the sums of the stretch be read; where a device needs time for it, while the next stretch is trained."""
        sums = Reading(torch.stack((self._total, self._cross_entropy)))
        updates = self.updates_before(self.done)
        advanced = updates - self.updates_before(self.done - self._pending)
        closed = _Stretch(sums, self.done, self._pending * self.losses_a_step, updates, advanced, self.learning_rate)
        self._total.zero_()
        self._cross_entropy.zero_()
        self._pending = 0
        self._closed.append((closed, progress))
        self._settle(keep=1 if self.reads_later and not self.finished else 0)

    def _settle(self, keep: int = 0) -> None:
        """Take up the sums of all closed stretches but the last ``keep``: the only waiting for a device in the loop."""
        while len(self._closed) > keep:
            stretch, progress = self._closed.pop(0)
            loss, cross_entropy = (total / stretch.losses for total in stretch.sums.values())
            if not math.isfinite(loss):
                raise RunError(
                    f"stage {self.name!r} diverged by step {stretch.step} of {self.steps} (loss {loss}); "
                    "lower training.learning_rate or set training.clip_norm"
                )
            self.seen.append(stretch.updates)
            self.losses.append(loss)
            progress.advance(stretch.advanced)
            told = {"loss": loss}
            if self.tells_cross_entropy:
                self.cross_entropies.append(cross_entropy)
                told["cross_entropy"] = cross_entropy
            if stretch.learning_rate is not None:
                told["learning_rate"] = stretch.learning_rate
            tell(progress, told)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that a later process needs to resume; subclasses add what they train."""
        self._settle()
        values: dict[str, Any] = {"done": self.done, "seen": self.seen, "losses": self.losses}
        values["first steps"] = self.beginning.state()
        if self.tells_cross_entropy:
            values["cross_entropies"] = self.cross_entropies
        seen = {} if self.watcher is None else dict(self.watcher.state(self.done))
        if self.finished:
            return seen, values
        totals = {STRETCH: self._total, CROSS_ENTROPY: self._cross_entropy}
        return {**totals, **seen}, values | {"pending": self._pending}

    def restore(self, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
        """Take up what ``state`` gave; the budget is charged with the steps that were done then."""
        if STRETCH in tensors:
            self._total.copy_(tensors[STRETCH])
        if CROSS_ENTROPY in tensors:
            self._cross_entropy.copy_(tensors[CROSS_ENTROPY])
        if self.tells_cross_entropy:  # an older checkpoint has none of this stage
            self.tells_cross_entropy = "cross_entropies" in values
            self.cross_entropies = list(values.get("cross_entropies", ()))
        self.done, self._pending = int(values["done"]), int(values.get("pending", 0))
        self.seen, self.losses = list(values["seen"]), list(values["losses"])
        self.beginning.restore(values.get("first steps", {}))
        self.budget.spend(*self.cost_before(self.done))
        if self.watcher is not None:
            self.watcher.restore(tensors, self.done)
