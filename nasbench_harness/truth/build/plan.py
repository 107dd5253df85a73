"""What a build of a truth table trains: one representative of each functional class, in chunks of a fixed order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import UsageError
from nasbench_harness.seeding import derive_rng
from nasbench_harness.space import N_ARCHITECTURES, connected, flops, functional_classes, live_cell_of, live_edges

CHUNK = 16  # architectures of a chunk of work: some ten seconds to lose when a build is stopped
SEEDS_AT_ONCE = 4  # seeds of a chunk: a table of four seeds can be extended to eight without training again

IntArray = npt.NDArray[np.int64]


@cache
def class_representatives() -> IntArray:
    """int64 ``[4930]``: of each functional class the live cell with the fewest live edges, then the fewest
    multiply-adds, then the smallest index. The class without a path has representative 0, six times ``none``.
    """
    cells = np.unique(live_cell_of())
    order = np.lexsort((cells, flops(live=True)[cells], live_edges()[cells].sum(axis=1)))
    classes = functional_classes()[cells[order]]
    representatives = np.zeros(functional_classes().max() + 1, dtype=np.int64)
    representatives[classes[::-1]] = cells[order][::-1]  # assigned in reverse: the best of each class comes last
    return representatives


@cache
def build_order() -> IntArray:
    """All classes with a path in one fixed random order: a build of the first N can be extended to all of them."""
    classes = np.unique(functional_classes()[connected()])
    return np.asarray(derive_rng("truth build", "class order").permutation(classes), dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Task:
    """One chunk of work: each architecture of ``index_A`` (our indices) with each of the seeds."""

    index_A: IntArray
    seeds: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Plan:
    """What a build trains: ``class_P``, the functional classes in the order of training, and the seeds.

    ``chance``: whether the 341 architectures without a path get their value. In a sample they would be far too many.
    """

    class_P: IntArray
    seeds: tuple[int, ...]
    chance: bool

    @classmethod
    def of(cls, architectures: int | Sequence[int] | None, seeds: int) -> Plan:
        """All classes (None), the first N of a fixed random order (a number), or those of the architectures listed."""
        order, chance = build_order(), architectures is None
        if seeds < 2:
            raise UsageError(f"{seeds} seed: a table needs two halves of seeds to state its noise; give at least 2")
        if architectures is None:
            chosen = order
        elif isinstance(architectures, int):
            if not 1 <= architectures <= len(order):
                raise UsageError(f"{architectures} functional classes asked for; give 1 to {len(order)}")
            chosen = order[:architectures]
        else:
            index = np.asarray(architectures, dtype=np.int64)
            if not len(index) or index.min() < 0 or index.max() >= N_ARCHITECTURES:
                raise UsageError(f"architectures to train must be indices 0..{N_ARCHITECTURES - 1}, at least one")
            if not connected()[index].any():
                raise UsageError("no architecture of the list has a path from input to output: nothing to train")
            chosen, chance = order[np.isin(order, functional_classes()[index])], not connected()[index].all()
        return cls(chosen, tuple(range(seeds)), chance)

    def tasks(self) -> list[Task]:
        """The work in chunks, all architectures with the first seeds before any with the next ones."""
        representatives = class_representatives()[self.class_P]
        return [
            Task(representatives[first : first + CHUNK], self.seeds[seed : seed + SEEDS_AT_ONCE])
            for seed in range(0, len(self.seeds), SEEDS_AT_ONCE)
            for first in range(0, len(representatives), CHUNK)
        ]
