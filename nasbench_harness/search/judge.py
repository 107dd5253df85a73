"""What a hardware-aware search is worth: its front and its best against the true ones of the table.

The truth, the window and the front are those of the measured costs, whatever the search was shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.search.constraint import Window, candidates_of
from nasbench_harness.search.evolution import SearchResult
from nasbench_harness.search.inputs import Cost, Scores
from nasbench_harness.search.pareto import hypervolume, pareto_front
from nasbench_harness.space import Subspace, connected, format_architecture
from nasbench_harness.truth import Truth

REFERENCE = "cost of the most expensive architecture in the window, median true accuracy of the window"
"""The worst corner of the hypervolume: a front that a random architecture of the window beats half the time adds 0."""

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class Judge:
    """The truth of one constraint on one device, against which any number of results is held."""

    def __init__(self, cost: Cost, window: Window, subspace: Subspace, truth_A: FloatArray | None) -> None:
        """``truth_A``: float64 ``[15625]``, NaN where unknown, None without any truth.

        Raises ``UsageError`` when no architecture of the subspace lies in the window, by the measured costs or by
        those that the search sees.
        """
        self.cost, self.window, self.truth_A = cost, window, truth_A
        candidates_of(cost.value_A, window, subspace, cost.unit)
        self.candidates, self.subspace = candidates_of(cost.checked_A, window, subspace, cost.unit), subspace
        known_A = self.candidates.mask_A if truth_A is None else self.candidates.mask_A & ~np.isnan(truth_A)
        self.known = np.flatnonzero(known_A)
        self.front: IntArray = np.empty(0, dtype=np.int64)
        self.best: int | None = None
        if truth_A is not None and self.known.size:
            self.front = self.known[pareto_front(self._points(self.known))]
            self.best = int(self.front[-1])  # the most expensive of a front is its most accurate
            self.reference = np.array([cost.checked_A[self.known].max(), -float(np.median(truth_A[self.known]))])
            self.volume = hypervolume(self._points(self.front), self.reference)

    def to_json(self) -> dict[str, Any]:
        """The problem: device, constraint, what the window holds, its true best and front, and the front above it."""
        described: dict[str, Any] = {
            "device": self.cost.device,
            "unit": self.cost.unit,
            "cost": self.cost.source,
            "constraint": self.window.describe(self.cost.unit),
            "window": self.window.to_json(),
            "counts": self.candidates.to_json(),
        }
        if self.best is not None:
            described |= {
                "true_best": self.row(self.best),
                "true_front": [self.row(int(index)) for index in self.front],
                "front_beyond": [self.row(int(index)) for index in self._beyond()],
                "hypervolume_reference": {
                    "rule": REFERENCE,
                    "cost": float(self.reference[0]),
                    "truth": float(-self.reference[1]),
                },
            }
        return described

    def row(self, index: int, score: float | None = None) -> dict[str, Any]:
        """One architecture: string, costs, truth and, where given, its score."""
        measured = float(self.cost.checked_A[index])
        row: dict[str, Any] = {
            "arch": format_architecture(index),
            "index": index,
            "cost": None if np.isnan(measured) else measured,
        }
        if self.cost.predicted:
            row["predicted_cost"] = float(self.cost.value_A[index])
        if self.truth_A is not None:
            row["truth"] = None if np.isnan(self.truth_A[index]) else float(self.truth_A[index])
        return row if score is None else row | {"score": score}

    def result(self, found: SearchResult) -> dict[str, Any]:
        """A search held against the truth.

        ``best``: of the highest score. ``regret``: best true accuracy in the window minus that of ``best``;
        ``hypervolume_ratio``: of the front found (by its true values) to the true one; both None without a truth.
        For a predicted cost ``violations`` is the share of the front whose measured cost lies outside the window (or
        is unknown), and ``best_within`` the highest score among those inside, with its regret.
        """
        front = found.front
        scores = found.score_N[found.rows(front)].tolist()
        rows = [self.row(int(index), score) for index, score in zip(front, scores, strict=True)]
        best = self.row(found.best, float(found.score_N.max()))
        inside_N = self.window.holds(self.cost.checked_A[front])
        result: dict[str, Any] = {
            "best": best,
            "regret": self._regret(best),
            "hypervolume_ratio": self._ratio(front[inside_N]),
            "front": rows,
            "search": found.to_json(),
        }
        if self.cost.predicted:
            # a front is sorted by cost, so its last member inside has the highest score of those inside
            within = [row for row, inside in zip(rows, inside_N, strict=True) if inside]
            result |= {
                "violations": float((~inside_N).mean()),
                "best_violates": not bool(self.window.holds(self.cost.checked_A[[found.best]])[0]),
                "best_within": within[-1] if within else None,
                "regret_within": self._regret(within[-1]) if within else None,
            }
        return result

    def _beyond(self) -> IntArray:
        """The part of the front of all architectures, of whatever cost, that lies above the window."""
        assert self.truth_A is not None
        if self.window.high is None:
            return np.empty(0, dtype=np.int64)
        cost_A = self.cost.checked_A
        known = np.flatnonzero(self.subspace.mask_A & connected() & ~np.isnan(cost_A) & ~np.isnan(self.truth_A))
        front = known[pareto_front(self._points(known))]
        return front[cost_A[front] > self.window.high]

    def _points(self, index_N: IntArray) -> FloatArray:
        assert self.truth_A is not None
        return np.column_stack([self.cost.checked_A[index_N], -self.truth_A[index_N]])

    def _regret(self, row: dict[str, Any]) -> float | None:
        if self.best is None or row.get("truth") is None:
            return None
        assert self.truth_A is not None
        return float(self.truth_A[self.best]) - float(row["truth"])

    def _ratio(self, front_N: IntArray) -> float | None:
        if self.best is None or self.volume == 0:
            return None
        assert self.truth_A is not None
        known = front_N[~np.isnan(self.truth_A[front_N])]
        return hypervolume(self._points(known), self.reference) / self.volume if known.size else 0.0


def problems_of(
    scores: Sequence[Scores], costs: Sequence[Cost], windows: Sequence[Window], truth: Truth | None
) -> list[tuple[Scores, Judge]]:
    """Every scores under every constraint, with its judge; ``UsageError`` as ``Judge``, before anything is searched."""
    truth_A = None if truth is None else truth.vector
    return [(each, Judge(cost, window, each.space, truth_A)) for cost in costs for window in windows for each in scores]


def origins(scores: Sequence[Scores], truth: Truth | None) -> dict[str, Any]:
    """``scores`` and ``truth`` of a result object: what was searched, and judged by what."""
    return {
        "scores": {each.name: each.source for each in scores},
        "truth": None if truth is None else truth.to_json(),
    }


def spread_of(values: list[float | None]) -> dict[str, float | int] | None:
    """Mean, standard deviation (of a sample; 0 for one), least and greatest; None where a value is missing."""
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return None
    deviation = float(np.std(known, ddof=1)) if len(known) > 1 else 0.0
    return {"n": len(known), "mean": float(np.mean(known)), "std": deviation, "min": min(known), "max": max(known)}
