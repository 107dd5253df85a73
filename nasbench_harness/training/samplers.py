"""Which architectures train at each step; numpy only, so that a schedule can be tested without a network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from nasbench_harness.errors import UsageError
from nasbench_harness.registry import Registry
from nasbench_harness.space import N_EDGES, Subspace, code_to_index, connected, convolution_count, nonlinearity_count

IntArray = np.ndarray[tuple[int, ...], np.dtype[np.int64]]

ROUNDS = 1000
"""Attempts of the strictly fair sampler; with the full space seven of eight draws are kept at the first."""


class Sampler(ABC):
    """Draws the architectures of each training step; disconnected ones are never drawn."""

    def per_step(self, subspace: Subspace) -> int:
        """Architectures trained on the same images at one optimiser step, their gradients summed."""
        return 1

    @abstractmethod
    def draw(self, subspace: Subspace, steps: int, rng: np.random.Generator) -> IntArray:
        """Architecture indices ``[steps, per_step]``, all connected members of ``subspace``."""


samplers: Registry[Sampler] = Registry("sampler")


@samplers.register("uniform")
@dataclass(frozen=True)
class UniformSampler(Sampler):
    """One architecture a step, uniform over the connected members (SPOS)."""

    def draw(self, subspace: Subspace, steps: int, rng: np.random.Generator) -> IntArray:
        """Architecture indices ``[steps, 1]``."""
        return subspace.sample(steps, rng)[:, None]


@samplers.register("balanced")
@dataclass(frozen=True)
class BalancedSampler(Sampler):
    """Supernet-balanced: the nonlinearity groups {0, 1}, {2}, {3} train equally often (EFS-NAS).

    ``form`` "single", as in the released NAS-Bench-201 code: one architecture a step, its group drawn uniformly.
    "multi", as in the paper: one architecture of every group at each step, their gradients summed. Groups that a
    subspace does not meet are left out. ``by`` "convolutions" (ours) has seven groups instead, by the number of
    convolutions on live edges.
    """

    form: Literal["single", "multi"] = "single"
    by: Literal["nonlinearities", "convolutions"] = "nonlinearities"

    before_they_were_options: ClassVar[Mapping[str, Any]] = {"by": "nonlinearities"}

    def per_step(self, subspace: Subspace) -> int:
        """One, or the number of groups that the subspace meets."""
        return 1 if self.form == "single" else max(1, len(self._groups(subspace)))

    def draw(self, subspace: Subspace, steps: int, rng: np.random.Generator) -> IntArray:
        """Architecture indices ``[steps, per_step]``."""
        groups = self._groups(subspace)
        if not groups:
            raise UsageError(f"subspace {subspace.name!r} has no connected architecture to sample")
        if self.form == "multi":
            return np.stack([group[rng.integers(len(group), size=steps)] for group in groups], axis=1)
        chosen = rng.integers(len(groups), size=steps)
        position = rng.random(steps)
        sizes = np.array([len(group) for group in groups])[chosen]
        within = np.minimum((position * sizes).astype(np.int64), sizes - 1)
        starts = np.concatenate([[0], np.cumsum([len(group) for group in groups])[:-1]])[chosen]
        drawn: IntArray = np.concatenate(groups)[starts + within][:, None]
        return drawn

    def _groups(self, subspace: Subspace) -> list[IntArray]:
        """The connected members, a group for each count; empty groups left out."""
        members = subspace.connected().members
        count_A = convolution_count() if self.by == "convolutions" else np.maximum(nonlinearity_count(), 1)
        count_M = count_A[members]
        return [members[count_M == count] for count in np.unique(count_M)]


@samplers.register("fair")
@dataclass(frozen=True)
class FairSampler(Sampler):
    """Strict fairness: at every step each operation of every edge trains exactly once (FairNAS).

    Every edge draws a random order of its operations; the k-th of all six make the k-th architecture of the step, and
    their gradients are summed. In a smaller box an edge with fewer operations goes through its order again, so its
    operations train equally often to within one. A draw that holds an architecture without a path is drawn again, which
    keeps the fairness. On a set that is no box there is no such draw, and the sampler says so.
    """

    def per_step(self, subspace: Subspace) -> int:
        """The largest number of operations on an edge: 5 in the full space."""
        return max(1, int(subspace.used_EO.sum(1).max()))

    def draw(self, subspace: Subspace, steps: int, rng: np.random.Generator) -> IntArray:
        """Architecture indices ``[steps, per_step]``; ``UsageError`` where strict fairness cannot be had."""
        allowed = [np.flatnonzero(row) for row in subspace.used_EO]
        if not subspace.connected().size:
            raise UsageError(f"subspace {subspace.name!r} has no connected architecture to sample")
        if subspace.mask_EO is None:
            raise UsageError(
                f"subspace {subspace.name!r} is not a box of operations, so operations cannot be permuted freely; "
                "use the sampler uniform or balanced"
            )
        width = self.per_step(subspace)
        drawn = np.empty((steps, width), dtype=np.int64)
        missing = np.arange(steps)
        for _ in range(ROUNDS):
            code_SKE = np.empty((len(missing), width, N_EDGES), dtype=np.int64)
            for edge, operations in enumerate(allowed):
                # whole orders one after the other, cut at the width: each operation as often as the others to within 1
                rounds = -(-width // len(operations))
                orders = [rng.permuted(np.tile(operations, (len(missing), 1)), axis=1) for _ in range(rounds)]
                code_SKE[:, :, edge] = np.concatenate(orders, axis=1)[:, :width]
            drawn[missing] = code_to_index(code_SKE)
            missing = missing[~connected()[drawn[missing]].all(axis=1)]
            if not missing.size:
                return drawn
        raise UsageError(
            f"subspace {subspace.name!r}: no strictly fair draw of {width} architectures with a path each was found; "
            "use the sampler uniform or balanced"
        )
