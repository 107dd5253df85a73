"""HEP-NAS as a ranking: one hierarchy divided, all children trained with mutual distillation (our adaptation)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from nasbench_harness.errors import UsageError
from nasbench_harness.partitioners.hierarchy import Groups, Hierarchy
from nasbench_harness.seeding import derive_rng
from nasbench_harness.space import check_cover
from nasbench_harness.strategies.base import Leaf, Scorer, Strategy, strategies
from nasbench_harness.strategies.context import Context
from nasbench_harness.strategies.gm_nas.strategy import describe_split
from nasbench_harness.strategies.hep_nas.siblings import Distillation, Smd, train_siblings
from nasbench_harness.strategies.probe import SupernetProbe, probe_batch
from nasbench_harness.training.samplers import samplers
from nasbench_harness.training.settings import NEVER, WHOLE, LaterRate, Stage, Stretch


def schedules(parent: float, child: float, later_rate: LaterRate) -> tuple[Stretch, Stretch]:
    """Stretches of the cosine of a parent and of its children, given the updates of it and of each of them."""
    middle = parent / (parent + child)
    return (WHOLE, WHOLE) if later_rate == "restart" else ((0.0, middle), (middle, 1.0))


def check_share(who: str, parent_fraction: float) -> None:
    """Refuse a share of the parent that leaves nothing to it or to its children."""
    if not 0 < parent_fraction < 1:
        raise UsageError(f"{who}: parent_fraction must be above 0 and below 1, found {parent_fraction}")


@strategies.register("hep-rank")
@dataclass(frozen=True)
class HepRank(Strategy):
    """Edges that enter one node divided jointly, the children trained with mutual distillation (HEP-NAS, all kept).

    ``hierarchy`` is the node, 1 to 3. ``groups`` "gradient" gives 2, 4, 8 children as released, "operations" 5, 25, 125
    as in the figure, "random" and "worst" are controls. The parent takes ``parent_fraction`` of the budget; after the
    gradients the children divide the rest. ``smd`` "none" is the control without distillation; ``max_peers`` bounds
    the forward passes of a step. ``later_rate`` "continue": one cosine leads from the parent to the children's end.
    """

    can_be_rehearsed: ClassVar[bool] = True
    source = "Li, Zhang, Wang, Ma, HEP-NAS, AAAI 2025, arXiv 2412.10723"

    hierarchy: int = 2
    groups: Groups = "gradient"
    smd: Smd = "both"
    parent_fraction: float = 0.5
    repeats: int = 20
    max_peers: int | None = None
    sampler: str | dict[str, Any] = "uniform"
    later_rate: LaterRate = "restart"

    option_families = (samplers,)
    before_they_were_options: ClassVar[Mapping[str, Any]] = {"later_rate": "restart"}
    has_trajectory: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse impossible options before anything is trained."""
        Hierarchy(self.hierarchy, self.groups, self.repeats)
        Distillation(self.smd, self.max_peers)
        samplers.build(self.sampler)
        check_share("hep-rank", self.parent_fraction)

    def train(self, context: Context) -> Scorer:
        """Train the parent, divide it, train the children in turns."""
        partitioner, sampler = Hierarchy(self.hierarchy, self.groups, self.repeats), samplers.build(self.sampler)
        distillation = Distillation(self.smd, self.max_peers)
        planned, passes = context.budget.planned, partitioner.gradient_passes(context.space)
        parent_share = int(planned * self.parent_fraction)
        rest = planned - parent_share - passes * probe_batch(context)
        children = partitioner.expected_children
        step = distillation.cost(children) * context.training.batch_size * sampler.per_step(context.space)
        if rest < children * step:
            raise UsageError(
                f"hep-rank: {max(0, rest):,} architecture-updates remain for {children} children after the parent and "
                f"{passes} gradient passes, less than {children} steps of {step:,.0f}; raise the budget, or lower "
                "parent_fraction, repeats or max_peers"
            )
        alone, together = schedules(parent_share, rest / (children * distillation.cost(children)), self.later_rate)
        parent = context.new_network("supernet")
        divided = parent_share / planned
        stage = Stage("parent", context.space, parent_share, sampler, schedule=alone, window=(0.0, divided))
        loss = context.train(parent, stage)
        probe = SupernetProbe(context, parent, "parent")
        context.progress.start("gradients of the parent", passes, "passes")
        parts = partitioner.split(context.space, probe, derive_rng(*context.seed_axes, "partition"))
        check_cover(context.space, parts)
        left, windows = context.budget.left, [(divided, 1.0)] * len(parts)
        trained = train_siblings(
            context, "children", parent, parts, partitioner.edges, left, sampler, distillation, together, windows
        )
        leaves = tuple(Leaf(*row) for row in zip(parts, trained.networks, trained.updates, strict=True))
        details = {"splits": [describe_split(context.space, parts, probe)], "smd": self.smd}
        return Scorer(leaves, (loss, *trained.losses), context, details=details)


@strategies.register("smd-without-split")
@dataclass(frozen=True)
class SmdWithoutSplit(Strategy):
    """Copies of the whole-space supernet that distil from each other and their parent; the first one scores (control).

    What distillation gives without any partition: the same number of networks, the same shares and the same cost of a
    step as ``hep-rank`` with as many children. The copies start from the parent and differ by what they are shown. One
    of them scores, not their mean, so that no ensemble is compared with single networks.
    """

    can_be_rehearsed: ClassVar[bool] = True
    status = "control"
    source = "control for HEP-NAS"

    copies: int = 4
    smd: Smd = "both"
    parent_fraction: float = 0.5
    max_peers: int | None = None
    sampler: str | dict[str, Any] = "uniform"
    later_rate: LaterRate = "restart"

    option_families = (samplers,)
    before_they_were_options: ClassVar[Mapping[str, Any]] = {"later_rate": "restart"}
    has_trajectory: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse impossible options before anything is trained."""
        if self.copies < 2:
            raise UsageError(f"smd-without-split: copies must be at least 2, found {self.copies}")
        Distillation(self.smd, self.max_peers)
        samplers.build(self.sampler)
        check_share("smd-without-split", self.parent_fraction)

    def train(self, context: Context) -> Scorer:
        """Train the parent, then its copies in turns."""
        sampler, distillation = samplers.build(self.sampler), Distillation(self.smd, self.max_peers)
        parent_share = int(context.budget.planned * self.parent_fraction)
        step = distillation.cost(self.copies) * context.training.batch_size * sampler.per_step(context.space)
        rest = context.budget.planned - parent_share
        if rest < self.copies * step:
            raise UsageError(
                f"smd-without-split: {rest:,} architecture-updates are less than "
                f"{self.copies} steps of {step:,.0f}; raise the budget, or lower parent_fraction or copies"
            )
        each = rest / (self.copies * distillation.cost(self.copies))
        alone, together = schedules(parent_share, each, self.later_rate)
        parent = context.new_network("supernet")
        divided = parent_share / context.budget.planned
        stage = Stage("parent", context.space, parent_share, sampler, schedule=alone, window=(0.0, divided))
        loss = context.train(parent, stage)
        spaces, left = [context.space] * self.copies, context.budget.left
        windows = [(divided, 1.0)] + [NEVER] * (self.copies - 1)  # the first one scores
        trained = train_siblings(context, "copies", parent, spaces, (), left, sampler, distillation, together, windows)
        leaf = Leaf(context.space, trained.networks[0], trained.updates[0])
        return Scorer((leaf,), (loss, *trained.losses), context, details={"copies": self.copies, "smd": self.smd})
