"""One pruning of a space by the operations that good architectures use: PAD-NAS (Xia et al., WACV 2022).

The operations of the best non-domination ranks of a search are counted on every edge; the rare ones are removed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import UsageError
from nasbench_harness.search.evolution import SearchResult
from nasbench_harness.search.pareto import nondominated_ranks
from nasbench_harness.space import N_OPERATIONS, OPERATIONS, Subspace, all_codes

RANK_LIMIT = 10
"""Architectures of a non-domination rank below this are counted, as published."""
LEAST_OPERATIONS = 2
"""Operations that every edge keeps; our choice."""
THRESHOLDS = (0.0, 0.01, 0.05, 0.10)
"""Thresholds of interest; the published one is 0.01."""
COUNTING = ("archive", "population")

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Pruning:
    """One pruning. All arrays are ``[6, 5]`` (edge, operation).

    ``before``, ``after``: the subspaces. ``counted_N``: int64, the counted architectures. ``frequency_EO``: share of
    them that has the operation on the edge. ``removed_EO``: what is gone, each at or below ``threshold``.
    ``kept_by_guard_EO``: at or below the threshold too, but one of the two most frequent of its edge.
    ``put_back_EO``: kept because the window would hold nothing without it.
    """

    before: Subspace
    after: Subspace
    threshold: float
    counted_N: IntArray
    frequency_EO: FloatArray
    removed_EO: BoolArray
    kept_by_guard_EO: BoolArray
    put_back_EO: BoolArray

    def to_json(self) -> dict[str, Any]:
        """Sizes, and every removed or spared operation with its frequency."""
        return {
            "threshold": self.threshold,
            "counted": len(self.counted_N),
            "size_before": self.before.size,
            "size_after": self.after.size,
            "box_after": self.after.used_EO.astype(int).tolist(),
            "frequency": np.round(self.frequency_EO, 6).tolist(),
            "removed": self._named(self.removed_EO),
            "kept_by_guard": self._named(self.kept_by_guard_EO),
            "put_back": self._named(self.put_back_EO),
        }

    def _named(self, which_EO: BoolArray) -> list[dict[str, Any]]:
        return [
            {"edge": int(edge), "operation": OPERATIONS[op], "frequency": round(float(self.frequency_EO[edge, op]), 6)}
            for edge, op in np.argwhere(which_EO)
        ]


def operation_frequencies(index_N: IntArray) -> FloatArray:
    """Share of the architectures that has each operation on each edge, float64 ``[6, 5]``; rows add up to 1."""
    if not len(index_N):
        raise UsageError("frequencies of operations need at least one architecture; widen the window or search longer")
    return np.asarray((all_codes()[index_N][:, :, None] == np.arange(N_OPERATIONS)).mean(axis=0))


def counted(result: SearchResult, counting: str = "archive") -> IntArray:
    """The architectures of rank below ``RANK_LIMIT`` by (score, cost): of the archive, or of the last population."""
    if counting not in COUNTING:
        raise UsageError(f"counting {counting!r} is not known; choose {' or '.join(COUNTING)}")
    index_N = result.index_N if counting == "archive" else result.population_P
    rows = result.rows(index_N)
    rank_N = nondominated_ranks(np.column_stack([result.cost_N[rows], -result.score_N[rows]]))
    return np.asarray(index_N[rank_N < RANK_LIMIT])


def prune(subspace: Subspace, counted_N: IntArray, threshold: float, inside_A: BoolArray) -> Pruning:
    """Remove from each edge the operations whose frequency among ``counted_N`` is at most ``threshold``.

    A threshold of 0 keeps every operation that occurs. Guards: each edge keeps its two most frequent operations (of
    equal ones the first in the benchmark's order); while no architecture of ``inside_A`` (bool ``[15625]``: the window)
    is left, the most frequent removed operation comes back. Raises ``UsageError`` for a threshold outside 0 to 1 and a
    window without a member of the subspace.
    """
    if not 0 <= threshold < 1:
        raise UsageError(f"the threshold of pruning is a share from 0 to below 1, found {threshold:g}")
    if not (inside_A & subspace.mask_A).any():
        raise UsageError(f"the window holds no architecture of {subspace.name!r}; widen the window")
    used_EO, frequency_EO = subspace.used_EO, operation_frequencies(counted_N)
    rare_EO = used_EO & (frequency_EO <= threshold)
    guarded_EO = rare_EO & _most_frequent(np.where(used_EO, frequency_EO, -1.0)) & used_EO
    removed_EO = rare_EO & ~guarded_EO
    put_back_EO = np.zeros_like(removed_EO)
    name = f"{subspace.name}, pruned"
    after = _without(subspace, removed_EO, name)
    while not (inside_A & after.mask_A).any():
        edge, op = np.unravel_index(np.argmax(np.where(removed_EO, frequency_EO, -1.0)), removed_EO.shape)
        removed_EO[edge, op], put_back_EO[edge, op] = False, True
        after = _without(subspace, removed_EO, name)
    return Pruning(subspace, after, threshold, counted_N, frequency_EO, removed_EO, guarded_EO, put_back_EO)


def _most_frequent(frequency_EO: FloatArray) -> BoolArray:
    kept_EO = np.zeros(frequency_EO.shape, dtype=np.bool_)
    place_EO = np.argsort(-frequency_EO, axis=1, kind="stable")[:, :LEAST_OPERATIONS]
    np.put_along_axis(kept_EO, place_EO, True, axis=1)
    return kept_EO


def _without(subspace: Subspace, removed_EO: BoolArray, name: str) -> Subspace:
    return subspace.intersect(Subspace.box(~removed_EO, name), name)
