"""What an optimiser step does to weights that no architecture of the step has used.

Since torch 2.0 ``zero_grad()`` drops gradients instead of writing zeros, and an optimiser passes over weights without a
gradient. Codes written for torch 1.x, the released few-shot ones among them, keep zeros there: from its first use on, a
weight then takes part in every step, with weight decay and with the momentum that it has left. The two rules rank
architectures differently (docs/protocol.md).
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from nasbench_harness.training.settings import UnsampledWeights


class WeightUpdates:
    """An SGD optimiser with one of the rules for weights that were used before, but not at the step at hand.

    "freeze": such weights and their momenta stand still (torch >= 2.0). "decay": their gradient is zero, so that
    weight decay and momentum continue (torch 1.x). "decay-only" and "momentum-only" are the halves of "decay", for
    ablations: the weight shrinks while its momentum stands still, or coasts without being decayed.
    """

    def __init__(self, optimiser: torch.optim.SGD, rule: UnsampledWeights) -> None:
        self.optimiser, self.rule = optimiser, rule
        self._weights: list[Tensor] = [w for group in optimiser.param_groups for w in group["params"]]
        self._used: set[Tensor] = set()
        self._zeros: dict[Tensor, Tensor] = {}

    @property
    def follows_all(self) -> bool:
        """Whether there is no weight left whose first use matters."""
        return self.rule == "freeze" or len(self._used) == len(self._weights)

    def note_sampled(self, weights: Iterable[Tensor]) -> None:
        """Count weights as used although they may get no gradient: those of sampled operations on dead edges.

        The released networks run them and multiply by zero, so their gradient is zero and not absent.
        """
        self._used.update(weights)

    def drop_gradients(self) -> None:
        """Begin a step."""
        self.optimiser.zero_grad(set_to_none=True)

    def step(self, rate: float) -> None:
        """Move the weights, after the backward passes of a step and after gradients were clipped."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        if self.rule == "freeze":
            self.optimiser.step()
            return
        unsampled = [weight for weight in self._weights if weight.grad is None and weight in self._used]
        self._used.update(weight for weight in self._weights if weight.grad is not None)
        decay = self.optimiser.param_groups[0]["weight_decay"]
        if self.rule == "decay":
            for weight in unsampled:
                if weight not in self._zeros:
                    self._zeros[weight] = torch.zeros_like(weight)
                weight.grad = self._zeros[weight]
        elif self.rule == "momentum-only":
            for weight in unsampled:
                weight.grad = weight.detach() * -decay  # cancels the decay that the optimiser is about to add
        self.optimiser.step()
        if self.rule == "decay-only" and unsampled:
            with torch.no_grad():
                for weight in unsampled:
                    weight.mul_(1.0 - rate * decay)

    def taken(self, weight: Tensor) -> tuple[Tensor, bool, bool]:
        """The momentum of a weight (zeros before its first step), whether it was used, and whether it was moved."""
        momentum = self.optimiser.state.get(weight, {}).get("momentum_buffer")
        if momentum is None:
            return torch.zeros_like(weight), weight in self._used, False
        return momentum, weight in self._used, True

    def give_back(self, weight: Tensor, momentum: Tensor, used: bool, moved: bool) -> None:
        """Take up what steps elsewhere made of it."""
        if moved:
            self.optimiser.state[weight]["momentum_buffer"] = momentum
        if used and self.rule != "freeze":
            self._used.add(weight)

    def used(self, names: Iterable[tuple[str, Tensor]]) -> list[str]:
        """Which of the named weights have been used, for a checkpoint; nothing under "freeze", which need not know."""
        return [name for name, weight in names if weight in self._used]

    def restore_used(self, names: Iterable[tuple[str, Tensor]], used: Iterable[str]) -> None:
        """Take up what ``used`` gave."""
        known = set(used)
        self._used = {weight for name, weight in names if name in known}
