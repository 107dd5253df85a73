"""The best architectures under a limit of cost, by stored scores or by the truth: a look at all of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.api.inputs import as_scores, as_truth, by_index
from nasbench_harness.errors import UsageError
from nasbench_harness.search.admission import admit
from nasbench_harness.search.best import ranked
from nasbench_harness.search.constraint import Window
from nasbench_harness.search.expectation import Calibration
from nasbench_harness.search.inputs import COUNTS, Cost, costs_from, scores_from
from nasbench_harness.space import Subspace, all_strings
from nasbench_harness.truth import TruthPolicy, benchmark_index

if TYPE_CHECKING:
    import polars

    from nasbench_harness.latency import LatencyTable

FloatArray = npt.NDArray[np.float64]


def best_architectures(
    scores: Any,
    latency: LatencyTable | Path | str | None = None,
    *,
    device: str | None = None,
    measured: LatencyTable | Path | str | None = None,
    cost: str | None = None,
    max_latency: float | None = None,
    min_latency: float | None = None,
    column: str | None = None,
    truth: Any = None,
    n: int | None = 10,
) -> polars.DataFrame:
    """The architectures with the highest scores that hold the limits, best first: the first row is the one to deploy.

    ``scores``: as for ``evaluate``, or the folder of a finished unit, a count (``flops``, ``live_flops``,
    ``parameters``), or the name of a truth column; ``column`` chooses one of several. ``latency``: a table or its file,
    of which ``device`` names the column, in milliseconds; or ``cost``, one of the counts in millions, in its place.
    ``max_latency``, ``min_latency``: the limits in the same unit, both included. ``truth``: as for ``evaluate``, shown
    beside the scores. ``n``: how many rows; None: all within the limits. Architectures without a path from input to
    output or without a latency are left out; of equal scores the cheaper comes first.

    Where ``latency`` holds predictions, ``measured`` may give the measurements that exist, and they decide. An
    architecture that was not measured must hold the limits with the margin of the predictor's errors.

    Columns: ``arch``, ``index`` (ours), ``benchmark_index``, ``score``, ``cost``, ``on_front`` (nothing within the
    limits is both better and cheaper); for predictions ``measured`` (null: not), ``cost_low`` and ``cost_high`` (90 %
    of the measurements so predicted); where given ``truth``, and ``expected``, ``expected_low``, ``expected_high``: the
    mean truth of the architectures of nearest score within the limits, and what holds 90 % of it.
    Raises ``UsageError`` when nothing holds the limits (naming the nearest cost), ``DataError`` for an unknown device
    or column.
    """
    import polars as pl

    score_A = _scores(scores, column)
    priced = _cost(latency, device, measured, cost)
    admission = admit(priced, Window(min_latency, max_latency), Subspace.where(~np.isnan(score_A), "scored"))
    order = ranked(score_A, admission)
    index_N, names = order.index_N[:n], all_strings()
    columns: dict[str, Any] = {
        "arch": [names[index] for index in index_N.tolist()],
        "index": index_N,
        "benchmark_index": benchmark_index()[index_N],
        "score": score_A[index_N],
        "cost": admission.cost_A[index_N],
        "on_front": order.front_N[:n],
    }
    if priced.prediction is not None:
        ends = {"measured": admission.measured_A, "cost_low": admission.low_A, "cost_high": admission.high_A}
        columns |= {name: values_A[index_N] for name, values_A in ends.items()}
    if truth is not None:
        truth_A = as_truth(truth)[0].vector
        promise = Calibration(score_A, truth_A, admission.mask_A)
        expected = [promise.expect(index, float(score_A[index])) for index in index_N.tolist()]
        columns["truth"] = truth_A[index_N]
        for name, field in (("expected", "mean"), ("expected_low", "low"), ("expected_high", "high")):
            values = [None if each is None else getattr(each, field) for each in expected]
            columns[name] = pl.Series(values, dtype=pl.Float64)
    return pl.DataFrame(columns, nan_to_null=True)


def _scores(scores: Any, column: str | None) -> FloatArray:
    if isinstance(scores, str | Path):
        text = str(scores)
        if TruthPolicy.parse(text) and not Path(text).exists():
            return as_truth(text)[0].vector
        return scores_from(text if column is None else f"{text}:{column}", allow_missing=True).score_A
    return by_index(as_scores(scores, allow_missing=True), column)


def _cost(
    latency: LatencyTable | Path | str | None,
    device: str | None,
    measured: LatencyTable | Path | str | None,
    count: str | None,
) -> Cost:
    if (latency is None) == (count is None):
        raise UsageError("give either a latency table or cost=..., one of " + ", ".join(COUNTS))
    for name, given in (("device", device), ("measured", measured)):
        if count is not None and given is not None:
            raise UsageError(f"{name}=... belongs to a latency table, not to cost=...")
    return costs_from(latency, [] if device is None else [device], measured, count)[0]
