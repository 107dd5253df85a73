"""The contract of a strategy: from an untrained network to a scorer of architectures, under a budget."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nasbench_harness.registry import Registry
from nasbench_harness.seeding import derive_seed
from nasbench_harness.space import N_ARCHITECTURES, Subspace, live_cell_of, route

if TYPE_CHECKING:
    from nasbench_harness.images.batches import DeviceImages
    from nasbench_harness.progress import Progress
    from nasbench_harness.supernet.network import NetworkShape, Supernet
    from nasbench_harness.supernet.scoring import Scores
    from nasbench_harness.training.budget import Budget
    from nasbench_harness.training.trainer import LossCurve, Stage, TrainingSettings


@dataclass(frozen=True)
class Context:
    """What a strategy is handed: space, images on the device, settings, its budget and its place in the seed tree."""

    space: Subspace
    shape: NetworkShape
    train_images: DeviceImages
    training: TrainingSettings
    budget: Budget
    seed_axes: tuple[object, ...]
    progress: Progress
    scoring_images: DeviceImages
    scoring_batch: int

    def new_network(self, purpose: str, shape: NetworkShape | None = None) -> Supernet:
        """An untrained supernet whose initial weights depend only on the seed axes and ``purpose``."""
        import torch

        from nasbench_harness.supernet.network import Supernet

        # forked: the caller's random state stays as it was
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(*self.seed_axes, purpose, "initial weights"))
            network = Supernet(shape or self.shape)
        return network.to(self.train_images.labels.device)

    def train(self, network: Supernet, stage: Stage, route_A: np.ndarray | None = None) -> LossCurve:
        """Train ``network`` in place, metered."""
        from nasbench_harness.training.trainer import train

        return train(
            network, stage, self.train_images, self.training, self.budget, self.seed_axes, self.progress, route_A
        )


@dataclass(frozen=True)
class Leaf:
    """A subspace with the network that speaks for it; ``updates`` are those that only this leaf was given."""

    subspace: Subspace
    network: Supernet
    updates: int


@dataclass(frozen=True)
class Scorer:
    """Trained networks ready to score; every architecture belongs to exactly one leaf.

    Leaves may share one network; then ``route_A`` ``[15625, cells]`` names the cell copies of each architecture.
    """

    leaves: tuple[Leaf, ...]
    losses: tuple[LossCurve, ...]
    context: Context
    route_A: np.ndarray | None = None

    @property
    def leaf_A(self) -> np.ndarray:
        """Number of the leaf that scores each of the 15,625 architectures, -1 where none does.

        An architecture is scored as its live cell, so by the leaf that holds that cell.
        """
        return route([leaf.subspace for leaf in self.leaves])[live_cell_of()]

    @property
    def parameter_count(self) -> int:
        """Trainable numbers over all distinct networks."""
        from nasbench_harness.supernet.network import parameter_count

        return sum(parameter_count(network) for network in {id(x.network): x.network for x in self.leaves}.values())

    def score(self, architectures: np.ndarray) -> Scores:
        """Both signals of live cells (our indices ``[n]``, ascending), each by the leaf that holds it."""
        from nasbench_harness.supernet.scoring import Scores, score_live_cells

        accuracy, negative_loss = (np.full(N_ARCHITECTURES, np.nan) for _ in range(2))
        self.context.progress.start("scoring", len(architectures), "cells")
        for network in {id(x.network): x.network for x in self.leaves}.values():
            held = [leaf.subspace.members for leaf in self.leaves if leaf.network is network]
            cells = np.intersect1d(architectures, np.concatenate(held))
            scores = score_live_cells(
                network,
                cells,
                self.context.scoring_images,
                self.context.scoring_batch,
                self.context.progress,
                self.route_A,
            )
            accuracy[cells], negative_loss[cells] = scores.accuracy, scores.negative_loss
        return Scores(accuracy[architectures], negative_loss[architectures])


class Strategy(ABC):
    """Everything from an untrained network to a score for each architecture. Members are frozen dataclasses."""

    def canonical(self) -> dict[str, Any]:
        """All options, defaults included and parts spelled out; enters the identity of results."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]

    @abstractmethod
    def train(self, context: Context) -> Scorer:
        """Spend the context's budget; randomness comes from its seed axes only."""


strategies: Registry[Strategy] = Registry("strategy")
