"""Random copy routing: what routing by nonlinearities has to beat on the same network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nasbench_harness.errors import UsageError
from nasbench_harness.partitioners.base import Partitioner, Probe, partitioners
from nasbench_harness.partitioners.nonlinearity import EfsAccum
from nasbench_harness.space import N_ARCHITECTURES, Subspace, connected, live_cell_of

PREFIX = "routed as "
"""Begins the name of a leaf; the name of the leaf of ``efs-accum`` whose copies it uses follows."""


@partitioners.register("efs-accum-random")
@dataclass(frozen=True)
class RandomRouting(Partitioner):
    """The cell copies of ``efs-accum``, dealt to architectures at random (control).

    Every route of ``efs-accum`` stays, and so does the number of connected architectures that take it: exactly in the
    whole space, elsewhere as nearly as whole live cells allow. Which ones take it is drawn, a live cell as a whole,
    because its members share every weight and score. Architectures without a path stay where ``efs-accum`` has them.
    """

    status: ClassVar[str] = "control"
    source: ClassVar[str] = "control for EFS-NAS; its released logs have a random routing too"

    thresholds: tuple[int, ...] = (15, 20)

    def __post_init__(self) -> None:
        """Refuse thresholds that ``efs-accum`` refuses."""
        EfsAccum(self.thresholds)

    def split(self, subspace: Subspace, probe: Probe | None, rng: np.random.Generator) -> list[Subspace]:
        """As many leaves as ``efs-accum`` gives, of the same sizes; fewer where a subspace has too few live cells."""
        patterns = EfsAccum(self.thresholds).split(subspace, probe, rng)
        leaf_A = np.full(N_ARCHITECTURES, -1)
        for number, pattern in enumerate(patterns):
            leaf_A[pattern.members] = number
        living = subspace.members[connected()[subspace.members]]
        _, cell_of_M, size_C = np.unique(live_cell_of()[living], return_inverse=True, return_counts=True)
        room = np.array([pattern.connected().size for pattern in patterns], dtype=np.int64)
        leaf_A[living] = _dealt(size_C, room, rng)[cell_of_M]
        leaves = [Subspace.where(leaf_A == number, PREFIX + one.name) for number, one in enumerate(patterns)]
        return [leaf for leaf in leaves if leaf.size]

    def cell_copies(self, leaf: Subspace, cell_count: int) -> tuple[int, ...]:
        """The copies of the leaf of ``efs-accum`` after which ``leaf`` is named; ``UsageError`` for other leaves."""
        model = EfsAccum(self.thresholds)
        for pattern in model.split(Subspace.full(), None, np.random.default_rng(0)):
            if leaf.name == PREFIX + pattern.name:
                return model.cell_copies(pattern, cell_count)
        raise UsageError(f"efs-accum-random has no leaf {leaf.name!r}; its leaves come from its split")


def _dealt(size_C: np.ndarray, room: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A leaf for each item ``[n]``, drawn in proportion to the room that is left where the item fits.

    Large items go first, so that small ones fill what remains; one that fits nowhere goes where most room is.
    """
    room, leaf_C = room.copy(), np.empty(len(size_C), dtype=np.int64)
    shuffled = rng.permutation(len(size_C))
    for item in shuffled[np.argsort(-size_C[shuffled], kind="stable")]:
        fitting = np.where(room >= size_C[item], room, 0)
        total = fitting.sum()
        chosen = int(rng.choice(len(room), p=fitting / total)) if total else int(room.argmax())
        leaf_C[item] = chosen
        room[chosen] -= size_C[item]
    return leaf_C
