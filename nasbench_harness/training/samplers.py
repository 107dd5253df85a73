"""Which architectures train at each step; numpy only, so that a schedule can be tested without a network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from nasbench_harness.errors import UsageError
from nasbench_harness.registry import Registry
from nasbench_harness.space import Subspace, nonlinearity_count

IntArray = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


class Sampler(ABC):
    """Draws the architectures of each training step; disconnected ones are never drawn."""

    per_step: int = 1
    """Architectures trained on the same images at one optimiser step, their gradients summed."""

    @abstractmethod
    def draw(self, subspace: Subspace, steps: int, rng: np.random.Generator) -> IntArray:
        """Architecture indices ``[steps, per_step]``, all connected members of ``subspace``."""


samplers: Registry[Sampler] = Registry("sampler")


@samplers.register("uniform")
@dataclass(frozen=True)
class UniformSampler(Sampler):
    """One architecture a step, uniform over the connected members (SPOS; methods 1.1 [C])."""

    def draw(self, subspace: Subspace, steps: int, rng: np.random.Generator) -> IntArray:
        """Architecture indices ``[steps, 1]``."""
        return subspace.sample(steps, rng)[:, None]


@samplers.register("balanced")
@dataclass(frozen=True)
class BalancedSampler(Sampler):
    """Supernet-balanced: a nonlinearity group {0, 1}, {2}, {3} uniformly, then uniform inside it (methods 5.3 [C]).

    Groups that a subspace does not meet are left out. The paper's form, one architecture of every group at each step,
    is another member of this family; this is the form of the released NAS-Bench-201 code.
    """

    def draw(self, subspace: Subspace, steps: int, rng: np.random.Generator) -> IntArray:
        """Architecture indices ``[steps, 1]``."""
        connected = subspace.connected()
        count_M = np.maximum(nonlinearity_count()[connected.members], 1)
        groups = [connected.members[count_M == count] for count in np.unique(count_M)]
        if not groups:
            raise UsageError(f"subspace {subspace.name!r} has no connected architecture to sample")
        chosen = rng.integers(len(groups), size=steps)
        position = rng.random(steps)
        sizes = np.array([len(group) for group in groups])[chosen]
        within = np.minimum((position * sizes).astype(np.int64), sizes - 1)
        starts = np.concatenate([[0], np.cumsum([len(group) for group in groups])[:-1]])[chosen]
        drawn: IntArray = np.concatenate(groups)[starts + within][:, None]
        return drawn
