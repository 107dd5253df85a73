"""The best architectures under a limit of cost, by stored scores or by the truth: a look at all of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.api.inputs import as_scores, as_truth, by_index
from nasbench_harness.errors import UsageError
from nasbench_harness.latency import LatencyTable, open_latency
from nasbench_harness.search.constraint import Window, candidates_of
from nasbench_harness.search.inputs import COUNTS, scores_from
from nasbench_harness.search.pareto import pareto_front
from nasbench_harness.space import N_ARCHITECTURES, Subspace, all_strings
from nasbench_harness.truth import TruthPolicy, benchmark_index

if TYPE_CHECKING:
    import polars

FloatArray = npt.NDArray[np.float64]


def best_architectures(
    scores: Any,
    latency: LatencyTable | Path | str | None = None,
    *,
    device: str | None = None,
    cost: str | None = None,
    max_latency: float | None = None,
    min_latency: float | None = None,
    column: str | None = None,
    truth: Any = None,
    n: int | None = 10,
) -> polars.DataFrame:
    """The architectures with the highest scores whose latency is within the limits, best first.

    ``scores``: as for ``evaluate``, or the folder of a finished unit, a count (``flops``, ``live_flops``,
    ``parameters``), or the name of a truth column; ``column`` chooses one of several. ``latency``: a table or its file,
    of which ``device`` names the column, in milliseconds; or ``cost``, one of the counts in millions, in its place.
    ``max_latency``, ``min_latency``: the limits in the same unit, both included. ``truth``: as for ``evaluate``, shown
    beside the scores. ``n``: how many rows; None: all within the limits. Architectures without a path from input to
    output or without a latency are left out; of equal scores the cheaper comes first.

    Columns: ``arch``, ``index`` (ours), ``benchmark_index``, ``score``, ``cost``, ``on_front`` (nothing within the
    limits is both better and cheaper), and ``truth`` where given. Raises ``UsageError`` when nothing lies within the
    limits (naming the nearest cost), ``DataError`` for an unknown device or column.
    """
    import polars as pl

    score_A = _scores(scores, column)
    cost_A, unit = _costs(latency, device, cost)
    space = Subspace.where(~np.isnan(score_A), "scored")
    inside_A = candidates_of(cost_A, Window(min_latency, max_latency), space, unit).mask_A
    index_N = np.flatnonzero(inside_A)
    front = index_N[pareto_front(np.column_stack([cost_A[index_N], -score_A[index_N]]))]
    number_A = benchmark_index()
    order = np.lexsort((number_A[index_N], cost_A[index_N], -score_A[index_N]))
    index_N = index_N[order][:n]
    names = all_strings()
    columns: dict[str, Any] = {
        "arch": [names[index] for index in index_N.tolist()],
        "index": index_N,
        "benchmark_index": number_A[index_N],
        "score": score_A[index_N],
        "cost": cost_A[index_N],
        "on_front": np.isin(index_N, front),
    }
    if truth is not None:
        columns["truth"] = as_truth(truth)[0].vector[index_N]
    return pl.DataFrame(columns, nan_to_null=True)


def _scores(scores: Any, column: str | None) -> FloatArray:
    if isinstance(scores, str | Path):
        text = str(scores)
        if TruthPolicy.parse(text) and not Path(text).exists():
            return as_truth(text)[0].vector
        return scores_from(text if column is None else f"{text}:{column}", allow_missing=True).score_A
    return by_index(as_scores(scores, allow_missing=True), column)


def _costs(latency: LatencyTable | Path | str | None, device: str | None, cost: str | None) -> tuple[FloatArray, str]:
    if (latency is None) == (cost is None):
        raise UsageError("give either a latency table or cost=..., one of " + ", ".join(COUNTS))
    if latency is not None:
        table = latency if isinstance(latency, LatencyTable) else open_latency(latency)
        return table.vector(table.only(device)), "ms"
    if cost not in COUNTS:
        raise UsageError(f"no count is called {cost!r}; choose {', '.join(COUNTS)}")
    if device is not None:
        raise UsageError("device=... belongs to a latency table, not to cost=...")
    counts = np.asarray(COUNTS[cost](), dtype=np.float64)
    assert counts.shape == (N_ARCHITECTURES,)
    return counts, "M"
