"""Constrained evolutionary search: NSGA-II over score and cost, inside a window of costs (PAD-NAS).

It knows scores only through a callable, so it runs on stored scores, on the truth, or on a live supernet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nasbench_harness.errors import DataError
from nasbench_harness.search.constraint import Window, candidates_of
from nasbench_harness.search.pareto import pareto_front
from nasbench_harness.search.requirement import require_pymoo
from nasbench_harness.search.settings import Evaluate, FloatArray, IntArray, SearchSettings
from nasbench_harness.space import Subspace, live_cell_of
from nasbench_harness.system.progress import Progress, Silent


@dataclass(frozen=True, eq=False)
class SearchResult:
    """What a search evaluated, all of it inside the window.

    ``index_N``: int64, the archive: every distinct architecture in the order of its evaluation; ``score_N`` (higher is
    better) and ``cost_N`` go with it. ``population_P``: int64, the last population. ``candidates``: how many
    architectures the window held. ``evaluations``: scores asked for (architectures with equal live cells ask once).
    ``generations``: those bred after the first population. ``discarded``: children outside the window or the subspace.
    """

    index_N: IntArray
    score_N: FloatArray
    cost_N: FloatArray
    population_P: IntArray
    candidates: int
    evaluations: int
    generations: int
    discarded: int

    @property
    def front(self) -> IntArray:
        """Our indices of the archive's Pareto front by (score, cost), cheapest first, so that the last is ``best``.

        Of architectures equal in both the one seen first stands for all: the search cannot tell them apart, and a front
        of all would let the truth choose among them.
        """
        points_N2 = np.column_stack([self.cost_N, -self.score_N])
        rows = pareto_front(points_N2)
        _, first = np.unique(points_N2[rows], axis=0, return_index=True)
        return self.index_N[rows[np.sort(first)]]

    @property
    def best(self) -> int:
        """The architecture of the highest score, the cheapest of several, then the first seen."""
        return int(self.index_N[np.lexsort((self.cost_N, -self.score_N))[0]])

    def rows(self, index_M: IntArray) -> IntArray:
        """Places of architectures in the archive."""
        order = np.argsort(self.index_N)
        return np.asarray(order[np.searchsorted(self.index_N, index_M, sorter=order)])

    def to_json(self) -> dict[str, int]:
        """The counts."""
        return {
            "candidates": self.candidates,
            "architectures_seen": len(self.index_N),
            "evaluations": self.evaluations,
            "generations": self.generations,
            "discarded_children": self.discarded,
        }


class Archive:
    """Scores each architecture once, in one call a generation; equal keys share a score."""

    def __init__(self, evaluate: Evaluate, cost_A: FloatArray, key_A: IntArray) -> None:
        """``key_A``: int64 ``[15625]``; architectures with equal keys have equal scores."""
        self._evaluate, self._cost_A, self._key_A = evaluate, cost_A, key_A
        self._score_of_key: dict[int, float] = {}
        self._score_of: dict[int, float] = {}

    def scores(self, index_N: IntArray) -> FloatArray:
        """Scores ``[N]``; only unseen keys reach the evaluator."""
        unseen: dict[int, int] = {}
        for index in index_N.tolist():
            key = int(self._key_A[index])
            if key not in self._score_of_key:
                unseen.setdefault(key, index)
        if unseen:
            asked = np.fromiter(unseen.values(), dtype=np.int64)
            found = np.asarray(self._evaluate(asked), dtype=np.float64)
            if found.shape != asked.shape or not np.isfinite(found).all():
                raise DataError(
                    f"the evaluator was asked for {len(asked)} scores and gave {int(np.isfinite(found).sum())} finite "
                    "ones; every architecture of the window needs a score"
                )
            self._score_of_key.update(zip(unseen, found.tolist(), strict=True))
        for index in index_N.tolist():
            self._score_of[index] = self._score_of_key[int(self._key_A[index])]
        return np.array([self._score_of[index] for index in index_N.tolist()])

    def result(self, population_P: IntArray, candidates: int, generations: int, discarded: int) -> SearchResult:
        """Everything seen so far."""
        index_N = np.fromiter(self._score_of, dtype=np.int64)
        score_N = np.fromiter(self._score_of.values(), dtype=np.float64)
        counts = (candidates, len(self._score_of_key), generations, discarded)
        return SearchResult(index_N, score_N, self._cost_A[index_N], population_P, *counts)


def constrained_search(
    evaluate: Evaluate,
    cost_A: FloatArray,
    subspace: Subspace,
    window: Window,
    rng: np.random.Generator,
    settings: SearchSettings | None = None,
    progress: Progress | None = None,
    *,
    share_live_cells: bool = True,
    unit: str = "ms",
) -> SearchResult:
    """NSGA-II over (score, cost) among the architectures of ``subspace`` whose cost lies in ``window``.

    ``evaluate``: see ``Evaluate``; called with members of the subspace only, no more than a population at a time, never
    twice for one live cell (``share_live_cells=False``: for one architecture, where dead edges change the score).
    ``cost_A``: float64 ``[15625]``, NaN = unknown, left out. Equal ``rng`` states give equal results. A window that
    holds no more than a population is evaluated whole. Raises ``UsageError`` as ``candidates_of``, and where it must
    evolve and pymoo is not installed.
    """
    settings, progress = settings or SearchSettings(), progress or Silent()
    candidates = candidates_of(cost_A, window, subspace, unit)
    members = np.flatnonzero(candidates.mask_A)
    key_A = live_cell_of() if share_live_cells else np.arange(len(cost_A))
    archive = Archive(evaluate, cost_A, key_A)
    progress.start("search", settings.generations + 1, "generations")
    if len(members) <= settings.population:
        archive.scores(members)
        progress.advance(settings.generations + 1)
        return archive.result(members, len(members), 0, 0)
    require_pymoo(
        f"a search among {len(members)} architectures with a population of {settings.population}",
        f", or look at every architecture with a population of {len(members)}",
    )
    from nasbench_harness.search.nsga2 import evolve

    first = np.sort(rng.choice(members, settings.population, replace=False))
    outcome = evolve(first, archive.scores, cost_A, candidates.mask_A, subspace.used_EO, rng, settings, progress)
    return archive.result(outcome.population_P, len(members), outcome.generations, outcome.discarded)
