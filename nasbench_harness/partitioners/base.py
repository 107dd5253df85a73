"""The contract of a partitioner: a subspace in, disjoint subspaces that cover it out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

import numpy as np

from nasbench_harness.registry import Registry
from nasbench_harness.space import Subspace


class Probe(Protocol):
    """What a partitioner may ask of a trained supernet; the cost of asking is metered in architecture-updates.

    A partitioner reaches a network only through this, so that it can be tested with a fake in milliseconds.
    """

    def validation_score(self, architectures: np.ndarray) -> np.ndarray:
        """Accuracy in percent ``[n]`` of architectures (our indices ``[n]``) with the current weights."""

    def gradient_distances(self, subspace: Subspace, edge: int, repeats: int, rng: np.random.Generator) -> np.ndarray:
        """How differently the operations on ``edge`` pull at the weights they share: float64 ``[5, 5]``, symmetric.

        Cosine distance of their gradients, mean over ``repeats`` training batches; each batch has its own draw from
        ``subspace`` for the other edges. Operations that the subspace lacks on the edge have distance zero.
        """


class Partitioner(ABC):
    """Divides a subspace into disjoint subspaces that cover it. Members are frozen dataclasses of their options."""

    @property
    def needs_probe(self) -> bool:
        """Whether ``split`` asks a trained supernet, so that it cannot be called before training."""
        return False

    def gradient_passes(self, subspace: Subspace) -> int:
        """Batches sent forward and backward that ``split`` will ask its probe for; strategies put them by."""
        return 0

    @abstractmethod
    def split(self, subspace: Subspace, probe: Probe | None, rng: np.random.Generator) -> list[Subspace]:
        """Leaves of ``subspace``: disjoint, covering, never empty; ``probe`` is ``None`` before any training."""

    def cell_copies(self, leaf: Subspace, cell_count: int) -> tuple[int, ...] | None:
        """For partitioners whose leaves share part of one network: the copy of each cell that ``leaf`` uses.

        ``None`` (the default) means that every leaf has a network of its own.
        """
        return None


partitioners: Registry[Partitioner] = Registry("partitioner")
