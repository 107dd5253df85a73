"""What PAD-NAS leaves behind: a network for every part of the space, and one set scored by all its networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nasbench_harness.search.evolution import SearchResult
from nasbench_harness.search.pareto import nondominated_ranks
from nasbench_harness.space import N_ARCHITECTURES, Subspace, format_architecture, live_cell_of
from nasbench_harness.strategies.base import Chunk, Leaf, Scorer
from nasbench_harness.strategies.context import Context
from nasbench_harness.strategies.parallel import Measurement
from nasbench_harness.system.progress import Silent

if TYPE_CHECKING:
    from nasbench_harness.supernet.network import Supernet

ALONG_THE_FRONT = 30
"""Architectures of the paper's protocol, equally spaced along the front."""


def leaves_of(stages: Sequence[tuple[Supernet, Subspace, int]]) -> tuple[Leaf, ...]:
    """Every architecture with the last network whose space holds its live cell in some form.

    ``stages``: network, space and updates, each space within the one before. In some form, because ``none`` may be
    pruned from an edge that is dead in many members: they are scored as a cell that has it there.
    """
    last_A = np.full(N_ARCHITECTURES, -1)
    for number, (_, space, _) in enumerate(stages):
        last_A[live_cell_of()[space.members]] = number
    stage_A = np.where(stages[0][1].mask_A, last_A[live_cell_of()], -1)
    leaves = []
    for number, (network, _, updates) in enumerate(stages):
        name = "last space" if number + 1 == len(stages) else f"pruned after stage {number + 1}"
        if (held := Subspace.where(stage_A == number, name)).size:
            leaves.append(Leaf(held, network, updates))
    return tuple(leaves)


def front_rows(found: SearchResult) -> list[dict[str, Any]]:
    """The front of a search as plain values, cheapest first."""
    rows = found.rows(found.front)
    numbers = zip(found.front.tolist(), found.score_N[rows].tolist(), found.cost_N[rows].tolist(), strict=True)
    return [{"arch": format_architecture(i), "index": i, "score": score, "cost": cost} for i, score, cost in numbers]


def paired_sets(space: Subspace, found: SearchResult, most: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Architectures that all networks score: at most ``most`` of the last space, and thirty along its front.

    Of the architectures of one live cell one only. Where the front holds fewer than thirty, the next ranks join it.
    """
    members = space.connected().members
    _, first = np.unique(live_cell_of()[members], return_index=True)
    sampled = rng.permutation(members[first])[:most]
    return {"last_space": np.sort(sampled), "front": _along_the_front(found)}


def _along_the_front(found: SearchResult) -> np.ndarray:
    cheapest = np.lexsort((found.index_N, found.cost_N))
    rows = cheapest[np.unique(live_cell_of()[found.index_N[cheapest]], return_index=True)[1]]
    rank_N = nondominated_ranks(np.column_stack([found.cost_N[rows], -found.score_N[rows]]))
    limit = np.sort(rank_N)[:ALONG_THE_FRONT][-1]
    rows = rows[rank_N <= limit]
    rows = rows[np.lexsort((found.index_N[rows], found.cost_N[rows]))]
    places = np.linspace(0, len(rows) - 1, min(ALONG_THE_FRONT, len(rows))).round().astype(int)
    return np.asarray(found.index_N[rows[places]])


@dataclass(frozen=True)
class PadNasScorer(Scorer):
    """Scores as usual, and ``chosen`` sets of architectures by the network of every stage, into ``details["paired"]``.

    That is for the comparison of the stages on equal sets: tau on a pruned space and on the whole cannot be compared.
    """

    stage_networks: tuple[Supernet, ...] = ()
    chosen: dict[str, np.ndarray] = field(default_factory=dict)

    def score(self, architectures: np.ndarray) -> dict[str, np.ndarray]:
        """Signals as ``Scorer.score``."""
        signals = super().score(architectures)
        cells = {name: np.unique(live_cell_of()[index_N], return_inverse=True) for name, index_N in self.chosen.items()}
        measurements = [
            Measurement(
                f"paired scores of {name} by stage {stage}", PairedScores(self.scorable(network), cells[name][0])
            )
            for name in self.chosen
            for stage, network in enumerate(self.stage_networks, 1)
        ]
        found = iter(self.context.measure_in_parallel(measurements))
        self.details["paired"] = {
            name: {"index": index_N.tolist(), "accuracy": [_rounded(next(found), cells[name][1]) for _ in self._stages]}
            for name, index_N in self.chosen.items()
        }
        return signals

    @property
    def _stages(self) -> range:
        return range(len(self.stage_networks))


def _rounded(found: dict[str, np.ndarray], where_N: np.ndarray) -> list[float]:
    return [round(value, 6) for value in found["accuracy"][where_N].tolist()]


@dataclass(frozen=True, eq=False)
class PairedScores(Chunk):
    """Accuracy alone, of cells that do not count as progress: they are few."""

    def __call__(self, context: Context) -> dict[str, np.ndarray]:
        """``accuracy`` ``[n]``."""
        return {"accuracy": super().__call__(replace(context, progress=Silent()))["accuracy"]}
