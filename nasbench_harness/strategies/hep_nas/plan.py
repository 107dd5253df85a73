"""How a hierarchical search divides its budget among levels that it has not seen yet."""

from __future__ import annotations

from dataclasses import dataclass

from nasbench_harness.errors import UsageError
from nasbench_harness.partitioners.hierarchy import Hierarchy
from nasbench_harness.strategies.context import Context
from nasbench_harness.strategies.hep_nas.siblings import Distillation
from nasbench_harness.strategies.probe import probe_batch
from nasbench_harness.training.budget import FORWARDS_AN_UPDATE
from nasbench_harness.training.samplers import Sampler
from nasbench_harness.training.settings import WHOLE, LaterRate, Stretch


@dataclass(frozen=True)
class SearchPlan:
    """The levels in their order with their relative lengths, and what is measured on the way.

    Gradients and validation are put by first; the rest is divided by relative lengths, distillation included. Reckoned
    again at each level, so that what one left unused goes to the next.
    """

    hierarchies: tuple[Hierarchy, ...]
    parent_epochs: tuple[float, ...]
    child_epochs: float
    beam: int
    distillation: Distillation
    validation_architectures: int
    validation_images: int
    later_rate: LaterRate = "restart"

    def widths(self, level: int, width: int) -> list[int]:
        """Parents at ``level``, where there are ``width``, and at each level after it."""
        widths = [width]
        for hierarchy in self.hierarchies[level:-1]:
            widths.append(min(self.beam, widths[-1] * hierarchy.expected_children))
        return widths

    def children_units(self, hierarchy: Hierarchy) -> float:
        """Relative length of one parent's children together, distillation included."""
        children = hierarchy.expected_children
        return children * self.child_epochs * self.distillation.cost(children)

    def units(self, level: int = 0, width: int = 1) -> float:
        """Relative length of ``level`` and all after it: each in its parents alone, then their children."""
        rows = zip(self.widths(level, width), self.parent_epochs[level:], self.hierarchies[level:], strict=True)
        return sum(number * (alone + self.children_units(hierarchy)) for number, alone, hierarchy in rows)

    def schedules(self, level: int) -> tuple[Stretch, Stretch]:
        """Stretches of the cosine at ``level``: of the parents alone, and of their children.

        "continue": one cosine over all that the network goes through that is kept at every level.
        """
        if self.later_rate == "restart":
            return WHOLE, WHOLE
        lengths = [alone + self.child_epochs for alone in self.parent_epochs]
        begin, middle = sum(lengths[:level]), sum(lengths[:level]) + self.parent_epochs[level]
        end, whole = sum(lengths[: level + 1]), sum(lengths)
        return (begin / whole, middle / whole), (middle / whole, end / whole)

    def validation_cost(self, context: Context, cells: int) -> int:
        """Updates that validating so many live cells counts as, rounded up."""
        return -(-cells * min(self.validation_images, len(context.scoring_images)) // FORWARDS_AN_UPDATE)

    def unit(self, context: Context, level: int, width: int, sampler: Sampler) -> float:
        """Updates of one relative epoch from ``level`` on; ``UsageError`` when that gives a stage less than a step."""
        reserve = 0
        for number, hierarchy in zip(self.widths(level, width), self.hierarchies[level:], strict=True):
            cells = hierarchy.expected_children * self.validation_architectures
            passes = hierarchy.gradient_passes(context.space)
            reserve += number * (passes * probe_batch(context) + self.validation_cost(context, cells))
        unit = (context.budget.left - reserve) / self.units(level, width)
        step = context.training.batch_size * sampler.per_step(context.space)
        if unit * min(*self.parent_epochs, self.child_epochs) < step:
            raise UsageError(
                f"hep-search: {context.budget.left:,} architecture-updates, {reserve:,} of them for gradients and "
                f"validation, leave a child less than one step of {step}; raise the budget, or lower levels, beam, "
                "repeats, max_peers or validation_architectures"
            )
        return unit
