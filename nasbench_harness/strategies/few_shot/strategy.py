"""Few-shot training: a partitioner's leaves, each with a sub-supernet, under the one budget of the experiment."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nasbench_harness.errors import UsageError
from nasbench_harness.partitioners import Partitioner, partitioners
from nasbench_harness.seeding import derive_rng
from nasbench_harness.space import N_ARCHITECTURES, Subspace, check_cover, route
from nasbench_harness.strategies.base import Leaf, Scorer, Strategy, strategies
from nasbench_harness.strategies.context import Context
from nasbench_harness.strategies.few_shot.leaves import train_leaves
from nasbench_harness.training.samplers import Sampler, samplers

if TYPE_CHECKING:
    from nasbench_harness.supernet.network import Supernet
    from nasbench_harness.training.trainer import LossCurve


@strategies.register("few-shot")
@dataclass(frozen=True)
class FewShot(Strategy):
    """One sub-supernet for each leaf of a partitioner (few-shot NAS and its kin).

    A share ``parent_fraction`` of the budget first trains one supernet over the whole space; the leaves inherit its
    weights and divide the rest equally (the equal budget of docs/protocol.md). With 0 the leaves start from the same
    initial weights. Each leaf has a new optimiser and schedule. A partitioner that names cell copies trains one
    network in which the leaves share the cells that have a single copy; it draws from the whole space with ``sampler``.
    ``channels`` replaces the experiment's width, for partitioners whose point is a narrower network.
    """

    can_be_rehearsed: ClassVar[bool] = True
    source: ClassVar[str] = "Zhao et al., Few-shot NAS, ICML 2021; Oh, Lee, Ham, EFS-NAS, arXiv 2412.14678"
    option_families = (partitioners, samplers)
    has_trajectory: ClassVar[bool] = True

    partitioner: str | dict[str, Any]
    sampler: str | dict[str, Any] = "uniform"
    channels: int | None = None
    parent_fraction: float = 0.0

    def __post_init__(self) -> None:
        """Refuse unknown parts and impossible shares before anything is trained."""
        if partitioners.build(self.partitioner).needs_probe:
            name = partitioners.canonical(self.partitioner)["name"]
            raise UsageError(
                f"few-shot splits before training, and {name!r} asks a trained supernet: use tree-few-shot"
            )
        samplers.build(self.sampler)
        if self.channels is not None and self.channels < 1:
            raise UsageError(f"channels must be at least 1, found {self.channels}")
        if not 0 <= self.parent_fraction < 1:
            raise UsageError(f"parent_fraction must be at least 0 and below 1, found {self.parent_fraction}")

    @property
    def native_factor(self) -> float:
        """Few-shot NAS: 600 epochs for the parent, 300 for each leaf, so 3.5 with five leaves and 13.5 with 25.

        Others, EFS-NAS among them: as long as their baseline.
        """
        if partitioners.canonical(self.partitioner)["name"] != "single-edge":
            return 1.0
        # the number of leaves does not depend on the draw of a random edge
        leaves = partitioners.build(self.partitioner).split(Subspace.full(), None, np.random.default_rng(0))
        return (600 + 300 * len(leaves)) / 600

    def train(self, context: Context) -> Scorer:
        """Split, train, and return the leaves with their networks."""
        partitioner = partitioners.build(self.partitioner)
        leaves = partitioner.split(context.space, None, derive_rng(*context.seed_axes, "partition"))
        check_cover(context.space, leaves)
        sampler = samplers.build(self.sampler)
        shape = replace(context.shape, channels=self.channels or context.shape.channels)
        context = replace(context, shape=shape)
        if partitioner.cell_copies(leaves[0], shape.cell_count) is not None:
            return _train_shared(context, partitioner, leaves, sampler)
        return self._train_separate(context, leaves, sampler)

    def _train_separate(self, context: Context, leaves: list[Subspace], sampler: Sampler) -> Scorer:
        from nasbench_harness.training.trainer import Stage

        parent_updates = int(context.budget.planned * self.parent_fraction)
        trainable = sum(leaf.connected().size > 0 for leaf in leaves)
        share = (context.budget.planned - parent_updates) // max(1, trainable)
        step = context.training.batch_size * max(sampler.per_step(leaf) for leaf in leaves)
        if share < step:
            raise UsageError(
                f"{len(leaves)} leaves get {share} architecture-updates each, less than one step of {step}; "
                "raise the budget, or lower parent_fraction or the number of leaves"
            )
        divided = parent_updates / context.budget.planned
        start = context.new_network("supernet")
        losses: list[LossCurve] = []
        if parent_updates:
            stage = Stage("parent", context.space, parent_updates, sampler, window=(0.0, divided))
            losses.append(context.train(start, stage))
        untrained = [(leaf, copy.deepcopy(start) if leaf.connected().size else start) for leaf in leaves]
        trained, curves = train_leaves(context, untrained, share, sampler, window=(divided, 1.0))
        return Scorer(trained, (*losses, *curves), context)


def _train_shared(context: Context, partitioner: Partitioner, leaves: list[Subspace], sampler: Sampler) -> Scorer:
    """One network whose cells have as many copies as the leaves ask for; all of the budget in one stage."""
    from nasbench_harness.training.trainer import Stage

    cells = context.shape.cell_count
    route_A = np.zeros((N_ARCHITECTURES, cells), dtype=np.int64)
    for leaf in leaves:
        route_A[leaf.members] = partitioner.cell_copies(leaf, cells)
    copies = tuple(int(number) for number in route_A.max(0) + 1)
    network: Supernet = context.new_network("supernet", replace(context.shape, copies=copies))
    stage = Stage("supernet", context.space, context.budget.planned, sampler)
    run = context.stage_run(network, stage, route_A)
    losses = context.train_together([run], stage.name)
    drawn = run.updates_of(route(leaves), len(leaves))
    trained = tuple(Leaf(leaf, network, updates) for leaf, updates in zip(leaves, drawn.tolist(), strict=True))
    return Scorer(trained, tuple(losses), context, route_A)
