"""The engineer's answer: one architecture for a device and a limit, what it costs, what it promises, and what else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError
from nasbench_harness.metrics import kendall_tau
from nasbench_harness.search.admission import Admission, admit
from nasbench_harness.search.constraint import Window
from nasbench_harness.search.expectation import Calibration
from nasbench_harness.search.inputs import Cost, Scores
from nasbench_harness.search.judge import origins
from nasbench_harness.search.pareto import pareto_front
from nasbench_harness.space import format_architecture
from nasbench_harness.truth import Truth, benchmark_index

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ranked:
    """All who may be recommended, best first. ``index_N``: int64, ours; ``front_N``: bool, who is on the front.

    Best: of the highest score, the cheapest of several, then the first by the benchmark's index. The front holds whom
    no other both outscores and undercuts; of equals the first.
    """

    index_N: IntArray
    front_N: npt.NDArray[np.bool_]

    @property
    def front(self) -> IntArray:
        """The front, best first."""
        return self.index_N[self.front_N]


def ranked(score_A: FloatArray, admission: Admission) -> Ranked:
    """Every admissible architecture in the order of its score, ``[15625]`` scores given."""
    index_N = np.flatnonzero(admission.mask_A)
    cost_N, score_N = admission.cost_A[index_N], score_A[index_N]
    order = np.lexsort((benchmark_index()[index_N], cost_N, -score_N))
    points_N2 = np.column_stack([cost_N, -score_N])[order]
    front_N = np.zeros(len(order), dtype=np.bool_)
    rows = np.sort(pareto_front(points_N2))
    _, first = np.unique(points_N2[rows], axis=0, return_index=True)
    front_N[rows[first]] = True
    return Ranked(index_N[order], front_N)


def best_tables(
    scores: Sequence[Scores], costs: Sequence[Cost], windows: Sequence[Window], truth: Truth | None, top: int = 4
) -> dict[str, Any]:
    """One result object: ``answers``, one for each device x window x scores.

    An answer: ``best`` and ``alternatives``, ``top`` architectures of the front in all, best first. Every architecture
    of the space is looked at. Raises ``UsageError`` where none holds the window.
    """
    return {
        "kind": "best",
        **origins(scores, truth),
        "answers": [answer(each, cost, window, truth, top) for cost in costs for window in windows for each in scores],
    }


def answer(scores: Scores, cost: Cost, window: Window, truth: Truth | None, top: int = 4) -> dict[str, Any]:
    """What to deploy under one limit; see ``best_tables``.

    A row's ``accuracy`` has ``truth``, where the table knows it, and ``expected``, what architectures of nearly this
    score within the limit reach (``Calibration``); both None without a truth, and ``expected`` None where the score is
    the truth.
    """
    admission = admit(cost, window, scores.space)
    truth_A = None if truth is None else truth.vector
    promise = None
    if truth_A is not None and not np.array_equal(scores.score_A, truth_A, equal_nan=True):
        promise = Calibration(scores.score_A, truth_A, admission.mask_A)
    front = ranked(scores.score_A, admission).front

    def row(index: int) -> dict[str, Any]:
        score = float(scores.score_A[index])
        expected = promise.expect(index, score) if promise else None
        known = None if truth_A is None or np.isnan(truth_A[index]) else float(truth_A[index])
        return {
            "arch": format_architecture(index),
            "index": index,
            "benchmark_index": int(benchmark_index()[index]),
            "score": score,
            "cost": admission.row(index),
            "accuracy": {"truth": known, "expected": expected.to_json() if expected else None},
        }

    rows = [row(index) for index in front[: max(top, 1)].tolist()]
    prediction = None
    if cost.prediction is not None:
        prediction = {**cost.prediction.to_json(), "range_90": admission.range_90 and list(admission.range_90)}
    return {
        "device": cost.device,
        "unit": cost.unit,
        "cost": cost.source,
        "prediction": prediction,
        "constraint": window.describe(cost.unit),
        "window": window.to_json(),
        "scores": scores.name,
        "ranking": _ranking(scores, truth, truth_A, admission, promise),
        "counts": admission.counts,
        "best": rows[0],
        "alternatives": rows[1:],
        "front_size": len(front),
    }


def _ranking(
    scores: Scores, truth: Truth | None, truth_A: FloatArray | None, admission: Admission, promise: Calibration | None
) -> dict[str, Any] | None:
    """How well the scores rank: among the admissible by the truth, else what the record of their unit tells."""
    if truth is None or truth_A is None:
        return _recorded(scores)
    if promise is None:
        return None
    rows_A = admission.mask_A & ~np.isnan(truth_A)
    tau = kendall_tau(scores.score_A[rows_A], truth_A[rows_A]) if rows_A.sum() > 1 else None
    return {"among": "admissible", "policy": truth.policy, "kendall_tau": tau, "n": int(rows_A.sum())}


def _recorded(scores: Scores) -> dict[str, Any] | None:
    """What the record beside a unit's scores says; None for scores of another origin or without a whole record."""
    from nasbench_harness.records import SCORES_FILE, read_record, unit_of

    file = Path(str(scores.source.get("file", "")))
    unit = unit_of(file.parent) if file.name == SCORES_FILE else None
    try:
        record = read_record(file.parent.parent.parent, *unit) if unit else None
    except DataError:  # the scores are good without it
        record = None
    column = record.metrics.get(scores.source["column"]) if record else None
    if record is None or column is None:
        return None
    told = {"kendall_tau": column["kendall_tau"], "n": column["n"], "regret_at_1": column["regret_at"]["1"]}
    return {"among": "space", "policy": record.truth["policy"], **told}
