"""A tree of supernets: train, divide, train the parts, divide them again (GM-NAS)."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from nasbench_harness.errors import UsageError
from nasbench_harness.partitioners import Partitioner, partitioners
from nasbench_harness.partitioners.grouping import cut_of, operations_on
from nasbench_harness.seeding import derive_rng
from nasbench_harness.space import N_EDGES, OPERATIONS, Subspace, check_cover
from nasbench_harness.strategies.base import Leaf, Scorer, Strategy, strategies
from nasbench_harness.strategies.context import Context
from nasbench_harness.strategies.few_shot.leaves import train_leaves
from nasbench_harness.strategies.probe import SupernetProbe, probe_batch
from nasbench_harness.training.samplers import Sampler, samplers
from nasbench_harness.training.settings import WHOLE, LaterRate, Stage, Stretch

if TYPE_CHECKING:
    from nasbench_harness.supernet.network import Supernet
    from nasbench_harness.training.settings import LossCurve

BASELINE_EPOCHS = 250
"""Length of the one-shot training that published lengths are compared with: our choice."""


@dataclass(frozen=True)
class _Node:
    """A subspace with the network that so far speaks for it."""

    subspace: Subspace
    network: Supernet

    @property
    def trainable(self) -> bool:
        """Whether anything in it can be trained: whether any member has a path."""
        return self.subspace.connected().size > 0

    def children(self, parts: Sequence[Subspace]) -> list[_Node]:
        """A node for each part, with a copy of the network; the node itself where it was not divided."""
        return [self] if len(parts) == 1 else [_Node(part, copy.deepcopy(self.network)) for part in parts]


@dataclass
class _Growth:
    """What accumulates while the tree grows."""

    losses: list[LossCurve] = field(default_factory=list)
    splits: list[dict[str, Any]] = field(default_factory=list)
    reached: float = 0.0

    def window(self, context: Context, updates: int) -> Stretch:
        """The stretch of the budget that so many updates from now on stand for, gradients just taken included."""
        begin, self.reached = self.reached, (context.budget.used + updates) / context.budget.planned
        return begin, self.reached


@strategies.register("tree-few-shot")
@dataclass(frozen=True)
class TreeFewShot(Strategy):
    """Every supernet is trained, divided by the partitioner, and handed on to its parts (GM-NAS by default).

    ``levels`` divisions follow each other; siblings may be divided differently. ``node_epochs`` (each supernet before
    it is divided) and ``leaf_epochs`` (each leaf at the end) are relative: the budget scales them. Children inherit
    their parent's weights; with ``restart`` "final" the leaves start again from initial weights, equal for all of them.
    Every stage has a new optimiser. ``later_rate`` "continue": one cosine leads from the root to the leaves, so that
    a supernet is divided while its rate is high, as released; leaves that start again have a cosine of their own.
    ``probe_at`` is the share of a supernet's training after which it is divided, as its children will be: below 1 the
    gradients are those of a network whose rate is still high, whatever its children inherit.
    """

    can_be_rehearsed: ClassVar[bool] = True
    source = "Hu, Wang et al., GM-NAS, ICLR 2022"

    partitioner: str | dict[str, Any] = "gradient-matching"
    levels: int = 2
    node_epochs: float = 20.0
    leaf_epochs: float = 50.0
    restart: Literal["final", "none"] = "final"
    sampler: str | dict[str, Any] = "uniform"
    later_rate: LaterRate = "restart"
    probe_at: float = 1.0

    option_families = (partitioners, samplers)
    before_they_were_options: ClassVar[Mapping[str, Any]] = {"later_rate": "restart", "probe_at": 1.0}
    has_trajectory: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse unknown parts and impossible lengths before anything is trained."""
        partitioners.build(self.partitioner)
        samplers.build(self.sampler)
        if self.levels < 1:
            raise UsageError(f"tree-few-shot: levels must be at least 1, found {self.levels}")
        if self.node_epochs <= 0 or self.leaf_epochs <= 0:
            found = f"{self.node_epochs} and {self.leaf_epochs}"
            raise UsageError(f"tree-few-shot: node_epochs and leaf_epochs must be positive, found {found}")
        if not 0 < self.probe_at <= 1:
            raise UsageError(f"tree-few-shot: probe_at must be above 0 and at most 1, found {self.probe_at:g}")

    @property
    def native_factor(self) -> float:
        """As published, 20 + 2 x 20 + 4 x 50 epochs, over the 250 of the one-shot baseline."""
        return self._units(1, self.levels) / BASELINE_EPOCHS

    def train(self, context: Context) -> Scorer:
        """Grow the tree level by level, then train its leaves."""
        partitioner, sampler = partitioners.build(self.partitioner), samplers.build(self.sampler)
        growth = _Growth()
        nodes = [_Node(context.space, context.new_network("supernet"))]
        for level in range(self.levels):
            share = self._share(context, partitioner, sampler, nodes, self.levels - level)
            early, (begin, end) = int(share * self.probe_at), self._schedule(level)
            middle = begin + (end - begin) * self.probe_at
            _train(context, nodes, f"level {level}", early, sampler, (begin, middle), growth)
            parts = [
                _divide(context, partitioner, node, (level, number), growth) for number, node in enumerate(nodes, 1)
            ]
            if self.probe_at < 1:
                title = f"level {level}, after the gradients,"
                _train(context, nodes, title, share - early, sampler, (middle, end), growth)
            nodes = [child for node, own in zip(nodes, parts, strict=True) for child in node.children(own)]
        leaves = self._train_leaves(context, nodes, sampler, growth)
        return Scorer(leaves, tuple(growth.losses), context, details={"splits": growth.splits})

    def _units(self, nodes: int, levels: int) -> float:
        """Relative length of what is to come for so many nodes and further levels, if every division is in two."""
        inner: int = nodes * (2**levels - 1)
        leaves = inner + nodes  # n (2^l - 1) + n = n 2^l
        return inner * self.node_epochs + leaves * self.leaf_epochs

    def _share(
        self, context: Context, partitioner: Partitioner, sampler: Sampler, nodes: Sequence[_Node], levels: int
    ) -> int:
        """Updates of each node at this level; computed again at each, so that divisions in more than two fit too."""
        living = [node for node in nodes if node.trainable]
        passes = sum(partitioner.gradient_passes(node.subspace) for node in living)
        reserve = passes * (2**levels - 1) * probe_batch(context)
        unit = (context.budget.left - reserve) / self._units(len(living), levels)
        step = context.training.batch_size * sampler.per_step(context.space)
        shortest = self.node_epochs * (min(self.probe_at, 1 - self.probe_at) if self.probe_at < 1 else 1)
        if unit * min(shortest, self.leaf_epochs) < step:
            raise UsageError(
                f"tree-few-shot: {context.budget.left:,} architecture-updates, {reserve:,} of them for gradients, "
                f"leave a node less than one step of {step}; raise the budget, or lower levels or the repeats"
            )
        return int(unit * self.node_epochs)

    def _schedule(self, level: int) -> Stretch:
        """Where on its cosine a supernet of this level trains; the leaves are the level after the last division."""
        leaf = level == self.levels
        if self.later_rate == "restart" or (leaf and self.restart == "final"):
            return WHOLE
        length = self.levels * self.node_epochs + self.leaf_epochs
        begin = level * self.node_epochs / length
        return begin, 1.0 if leaf else begin + self.node_epochs / length

    def _train_leaves(
        self, context: Context, nodes: Sequence[_Node], sampler: Sampler, growth: _Growth
    ) -> tuple[Leaf, ...]:
        fresh = context.new_network("leaf")
        share = context.budget.left // max(1, sum(node.trainable for node in nodes))
        restarts = self.restart == "final"
        untrained = [
            (node.subspace, copy.deepcopy(fresh) if restarts and node.trainable else node.network) for node in nodes
        ]
        schedule, window = self._schedule(self.levels), (growth.reached, 1.0)
        leaves, curves = train_leaves(context, untrained, share, sampler, schedule, window)
        growth.losses += curves
        return leaves


def _train(
    context: Context,
    nodes: Sequence[_Node],
    title: str,
    share: int,
    sampler: Sampler,
    schedule: Stretch,
    growth: _Growth,
) -> None:
    """Train the networks of a level in place, for ``share`` updates each, over a stretch of the cosine."""
    window = growth.window(context, share * sum(node.trainable for node in nodes))
    stages = []
    for number, node in enumerate(nodes, 1):
        if node.trainable:
            name = f"{title} node {number}/{len(nodes)}: {node.subspace.name}"
            stage = Stage(name, node.subspace, share, sampler, schedule=schedule, window=window)
            stages.append((node.network, stage))
    growth.losses += context.train_in_parallel(stages)


def _divide(
    context: Context, partitioner: Partitioner, node: _Node, place: tuple[int, int], growth: _Growth
) -> list[Subspace]:
    """The parts of a node; one where nothing is left to divide."""
    if not node.trainable:
        return [node.subspace]
    level, number = place
    probe = SupernetProbe(context, node.network, f"level {level} node {number}")
    context.progress.start(f"gradients of {node.subspace.name}", partitioner.gradient_passes(node.subspace), "passes")
    parts = partitioner.split(node.subspace, probe, derive_rng(*context.seed_axes, "partition", level, number))
    check_cover(node.subspace, parts)
    growth.splits.append({"level": level, "node": number, **describe_split(node.subspace, parts, probe)})
    whole = node.subspace.size == context.space.size
    return [part if whole else replace(part, name=f"{node.subspace.name} > {part.name}") for part in parts]


def describe_split(parent: Subspace, children: Sequence[Subspace], probe: SupernetProbe) -> dict[str, Any]:
    """A division as plain JSON: sizes, what each child keeps on the divided edges, distances and cuts where measured.

    ``cuts`` is the total distance that the division made cuts on each divided edge.
    """
    divided = [
        edge
        for edge in range(N_EDGES)
        if any(not np.array_equal(child.used_EO[edge], parent.used_EO[edge]) for child in children)
    ]
    cuts = {
        str(edge): round(cut_of(probe.distances[edge], sorted({operations_on(child, edge) for child in children})), 6)
        for edge in divided
        if edge in probe.distances
    }
    return {
        "parent": parent.name,
        "edges": divided,
        "children": [
            {
                "name": child.name,
                "size": child.size,
                "operations": {str(e): [OPERATIONS[op] for op in operations_on(child, e)] for e in divided},
            }
            for child in children
        ],
        "distances": probe.to_json(),
        "cuts": cuts,
    }
