"""HEP-NAS as a search: divide node after node, keep the best child or children each time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from nasbench_harness.errors import UsageError
from nasbench_harness.partitioners.hierarchy import HIERARCHIES, Groups, Hierarchy
from nasbench_harness.seeding import derive_rng
from nasbench_harness.space import Subspace, check_cover, live_cell_of
from nasbench_harness.strategies.base import Leaf, Scorer, Strategy, strategies
from nasbench_harness.strategies.context import Context
from nasbench_harness.strategies.gm_nas.strategy import BASELINE_EPOCHS, describe_split
from nasbench_harness.strategies.hep_nas.plan import SearchPlan
from nasbench_harness.strategies.hep_nas.report import hierarchy_report
from nasbench_harness.strategies.hep_nas.siblings import Distillation, Smd, train_siblings
from nasbench_harness.strategies.probe import SupernetProbe
from nasbench_harness.training.samplers import Sampler, samplers
from nasbench_harness.training.settings import LaterRate, Stage

if TYPE_CHECKING:
    from nasbench_harness.supernet.network import Supernet
    from nasbench_harness.training.settings import LossCurve


@dataclass(frozen=True)
class _Candidate:
    """A subspace in or out of the beam, with the last network that was trained on it and how it validated."""

    subspace: Subspace
    network: Supernet
    updates: int = 0
    validation: float = math.nan

    def leaf(self) -> Leaf:
        """As it enters the scorer."""
        return Leaf(self.subspace, self.network, self.updates)


@dataclass
class _Course:
    """What accumulates on the way down."""

    losses: list[LossCurve] = field(default_factory=list)
    levels: list[dict[str, Any]] = field(default_factory=list)
    left_behind: list[_Candidate] = field(default_factory=list)


@strategies.register("hep-search")
@dataclass(frozen=True)
class HepSearch(Strategy):
    """Divide node after node, train the children with mutual distillation, keep the best (HEP-NAS).

    ``levels`` nodes are taken in ``order``; at each the best ``beam`` children by validation are kept (1 as released).
    A child validates as the ``criterion`` of the accuracy of ``validation_architectures`` live cells drawn from it:
    the released code evaluates a continuous network, which single-path training does not have. ``parent_epochs``
    (the kept supernets alone, at each level) and ``child_epochs`` are relative: the budget scales them. Architectures
    outside the beam stay with the last network that covered them; ``ranked`` names the beam. ``later_rate`` "continue":
    one cosine over all stages of the network that is kept.
    """

    can_be_rehearsed: ClassVar[bool] = True
    source = "Li, Zhang, Wang, Ma, HEP-NAS, AAAI 2025, arXiv 2412.10723"

    levels: int = 3
    order: Literal["forward", "reversed", "random"] = "forward"
    beam: int = 1
    groups: Groups = "gradient"
    smd: Smd = "both"
    parent_epochs: tuple[float, ...] = (10.0, 10.0, 10.0)
    child_epochs: float = 10.0
    repeats: int = 20
    max_peers: int | None = None
    criterion: Literal["mean", "max"] = "mean"
    validation_architectures: int = 20
    validation_images: int = 500
    sampler: str | dict[str, Any] = "uniform"
    later_rate: LaterRate = "restart"

    option_families = (samplers,)
    before_they_were_options: ClassVar[Mapping[str, Any]] = {"later_rate": "restart"}

    def __post_init__(self) -> None:
        """Refuse impossible options before anything is trained."""
        Hierarchy(1, self.groups, self.repeats)
        Distillation(self.smd, self.max_peers)
        samplers.build(self.sampler)
        if not 1 <= self.levels <= len(HIERARCHIES):
            raise UsageError(f"hep-search: levels must be 1 to {len(HIERARCHIES)}, found {self.levels}")
        for option in ("beam", "validation_architectures", "validation_images"):
            if getattr(self, option) < 1:
                raise UsageError(f"hep-search: {option} must be at least 1, found {getattr(self, option)}")
        if len(self.parent_epochs) < self.levels or min(*self.parent_epochs, self.child_epochs) <= 0:
            raise UsageError(
                f"hep-search: parent_epochs must name {self.levels} positive lengths and child_epochs one, found "
                f"{list(self.parent_epochs)} and {self.child_epochs}"
            )

    @property
    def native_factor(self) -> float:
        """As published, distillation passes included: 30 epochs alone and 10 of each child, over the baseline's 250."""
        return self._plan(list(HIERARCHIES)[: self.levels]).units() / BASELINE_EPOCHS

    def analysis(self, details: dict[str, Any], true_A: np.ndarray) -> dict[str, Any]:
        """``hierarchy_report``: hits and tau of every level's choice."""
        return hierarchy_report(details, true_A)

    def train(self, context: Context) -> Scorer:
        """Narrow the space level by level."""
        sampler, course = samplers.build(self.sampler), _Course()
        beam = [_Candidate(context.space, context.new_network("supernet"))]
        plan = self._plan(self.nodes(context.seed_axes))
        for level in range(self.levels):
            beam = self._descend(context, beam, plan, level, sampler, course)
        members_A = np.logical_or.reduce([candidate.subspace.mask_A for candidate in beam])
        only = beam[0].subspace
        return Scorer(
            tuple(candidate.leaf() for candidate in (*beam, *course.left_behind)),
            tuple(course.losses),
            context,
            ranked=only if len(beam) == 1 else Subspace.where(members_A, f"beam of {len(beam)}"),
            details={"levels": course.levels},
        )

    def nodes(self, seed_axes: tuple[object, ...]) -> list[int]:
        """The nodes in the order in which their hierarchies are divided."""
        nodes = list(HIERARCHIES)
        if self.order == "reversed":
            nodes.reverse()
        elif self.order == "random":
            nodes = [int(node) for node in derive_rng(*seed_axes, "order").permutation(nodes)]
        return nodes[: self.levels]

    def _plan(self, nodes: Sequence[int]) -> SearchPlan:
        return SearchPlan(
            tuple(Hierarchy(node, self.groups, self.repeats) for node in nodes),
            self.parent_epochs[: self.levels],
            self.child_epochs,
            self.beam,
            Distillation(self.smd, self.max_peers),
            self.validation_architectures,
            self.validation_images,
            self.later_rate,
        )

    def _descend(
        self,
        context: Context,
        beam: Sequence[_Candidate],
        plan: SearchPlan,
        level: int,
        sampler: Sampler,
        course: _Course,
    ) -> list[_Candidate]:
        """One level: the new beam, best first."""
        unit, hierarchy = plan.unit(context, level, len(beam), sampler), plan.hierarchies[level]
        schedule, of_children = plan.schedules(level)
        found: list[_Candidate] = []
        splits = []
        for number, parent in enumerate(beam, 1):
            where = f"level {level + 1} parent {number}/{len(beam)}"
            alone = int(unit * plan.parent_epochs[level])
            stage = Stage(f"{where}: {parent.subspace.name}", parent.subspace, alone, sampler, schedule=schedule)
            course.losses.append(context.train(parent.network, stage))
            probe = SupernetProbe(context, parent.network, where)
            context.progress.start(f"gradients, {where}", hierarchy.gradient_passes(parent.subspace), "passes")
            parts = hierarchy.split(parent.subspace, probe, derive_rng(*context.seed_axes, "partition", where))
            check_cover(parent.subspace, parts)
            if level:
                parts = [replace(part, name=f"{parent.subspace.name}, {part.name}") for part in parts]
            splits.append(describe_split(parent.subspace, parts, probe))
            share = int(unit * plan.children_units(hierarchy))
            if level + 1 == self.levels and number == len(beam):  # all that is left but the validation
                cells = sum(len(self._cells(context, part)) for part in parts)
                share = context.budget.left - plan.validation_cost(context, cells)
            name, edges = f"{where}, children", hierarchy.edges
            trained = train_siblings(
                context, name, parent.network, parts, edges, share, sampler, plan.distillation, of_children
            )
            course.losses += trained.losses
            for part, network, updates in zip(parts, trained.networks, trained.updates, strict=True):
                found.append(_Candidate(part, network, updates, self._validate(context, part, network)))
        ranked = sorted(range(len(found)), key=lambda place: (-found[place].validation, place))
        kept = ranked[: self.beam]
        course.left_behind += [found[place] for place in sorted(ranked[self.beam :])]
        course.levels.append(_describe_level(hierarchy, splits, found, kept))
        return [found[place] for place in kept]

    def _cells(self, context: Context, part: Subspace) -> np.ndarray:
        """Live cells that a child is validated on, drawn from its connected members without repetition."""
        cells = np.unique(live_cell_of()[part.connected().members])
        rng = derive_rng(*context.seed_axes, "validation", part.name)
        return rng.choice(cells, min(len(cells), self.validation_architectures), replace=False)

    def _validate(self, context: Context, part: Subspace, network: Supernet) -> float:
        cells = self._cells(context, part)
        if not len(cells):
            return -math.inf
        probe = SupernetProbe(context, network, part.name, self.validation_images)
        context.progress.start(f"validation of {part.name}", len(cells), "cells")
        accuracy = probe.validation_score(cells)
        return float(accuracy.max() if self.criterion == "max" else accuracy.mean())


def _describe_level(
    hierarchy: Hierarchy, splits: list[dict[str, Any]], found: Sequence[_Candidate], kept: Sequence[int]
) -> dict[str, Any]:
    """A level as plain JSON; ``mask`` holds 0 and 1, ``[6][5]``."""
    return {
        "hierarchy": hierarchy.hierarchy,
        "edges": list(hierarchy.edges),
        "splits": splits,
        "children": [
            {
                "name": candidate.subspace.name,
                "mask": candidate.subspace.used_EO.astype(int).tolist(),
                "validation": None if math.isinf(candidate.validation) else round(candidate.validation, 6),
                "kept": place in kept,
            }
            for place, candidate in enumerate(found)
        ],
    }
