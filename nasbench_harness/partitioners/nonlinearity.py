"""Counting nonlinear functions (EFS-NAS; Oh, Lee, Ham; arXiv 2412.14678).

Two readings exist and both are here. The paper's text gives every group of equal nonlinearity count a supernet of its
own (``efs-group``). The released code keeps one network and gives its later cells several copies, chosen by how many
nonlinearities an architecture has accumulated so far (``efs-accum``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nasbench_harness.errors import UsageError
from nasbench_harness.partitioners.base import Partitioner, Probe, partitioners
from nasbench_harness.space import N_ARCHITECTURES, Subspace, nonlinearity_count

RELEASED_CELLS = 15
"""Searchable cells of the released network, to which thresholds refer."""


def _leaves_by(group_of_count: list[int], subspace: Subspace, counts: list[str]) -> list[Subspace]:
    """Leaves of ``subspace`` by the group number of each nonlinearity count 0 to 3."""
    inside_A = subspace.contains(np.arange(N_ARCHITECTURES))
    group_A = np.asarray(group_of_count)[nonlinearity_count()]
    leaves = [Subspace.where(inside_A & (group_A == group), counts[group]) for group in range(max(group_of_count) + 1)]
    return [leaf for leaf in leaves if leaf.size]


@partitioners.register("efs-group")
@dataclass(frozen=True)
class EfsGroup(Partitioner):
    """One leaf for each nonlinearity count, 0 and 1 together (EFS-NAS, as in the paper's text)."""

    status: ClassVar[str] = "reproduction"
    source: ClassVar[str] = "Oh, Lee, Ham, EFS-NAS, arXiv 2412.14678"

    def split(self, subspace: Subspace, probe: Probe | None, rng: np.random.Generator) -> list[Subspace]:
        """At most three leaves: counts 0 and 1, 2, 3."""
        return _leaves_by([0, 0, 1, 2], subspace, ["nonlinearities 0-1", "nonlinearities 2", "nonlinearities 3"])


@partitioners.register("efs-accum")
@dataclass(frozen=True)
class EfsAccum(Partitioner):
    """Cell copies chosen by the nonlinearities accumulated so far (EFS-NAS, as in the released code).

    ``thresholds`` are accumulated counts in the released network of 15 cells; another depth scales them. The cells of
    the first stage are shared by all; in a later cell an architecture uses the copy whose number is how many
    thresholds its accumulated count exceeds (table of routes: docs/methods/efs-nas.md).
    """

    status: ClassVar[str] = "reproduction"
    source: ClassVar[str] = "Oh, Lee, Ham, EFS-NAS, arXiv 2412.14678, released code"

    thresholds: tuple[int, ...] = (15, 20)

    def __post_init__(self) -> None:
        """Refuse thresholds that do not ascend."""
        if not self.thresholds or list(self.thresholds) != sorted(set(self.thresholds)) or self.thresholds[0] <= 0:
            raise UsageError(f"efs-accum: thresholds must be positive and ascending, found {list(self.thresholds)}")

    def route(self, count: int, cell_count: int) -> tuple[int, ...]:
        """Copy of each of ``cell_count`` cells for architectures of nonlinearity count ``count``."""
        # in whole numbers: 45 x (21 / 15) is 62.99999999999999 and would be exceeded by 63
        return tuple(
            0
            if position < cell_count // 3
            else sum(count * (position + 1) * RELEASED_CELLS > threshold * cell_count for threshold in self.thresholds)
            for position in range(cell_count)
        )

    def split(self, subspace: Subspace, probe: Probe | None, rng: np.random.Generator) -> list[Subspace]:
        """Leaves of architectures that take the same copies everywhere in the released network."""
        routes = [self.route(count, RELEASED_CELLS) for count in range(4)]
        distinct = sorted(set(routes))
        group_of_count = [distinct.index(route) for route in routes]
        members = [[str(c) for c in range(4) if group_of_count[c] == group] for group in range(len(distinct))]
        return _leaves_by(group_of_count, subspace, [f"nonlinearities {'-'.join(m)}" for m in members])

    def cell_copies(self, leaf: Subspace, cell_count: int) -> tuple[int, ...]:
        """The copies that ``leaf`` uses; equal for all its members in the released network."""
        return self.route(int(nonlinearity_count()[leaf.members].max()), cell_count)
