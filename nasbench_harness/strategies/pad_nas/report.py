"""PAD-NAS judged by the truth: the same architectures before and after pruning, and what pruning threw away."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import UsageError
from nasbench_harness.metrics import kendall_tau
from nasbench_harness.metrics.uncertainty import LEVEL
from nasbench_harness.search.constraint import Window
from nasbench_harness.search.evolution import SearchResult
from nasbench_harness.search.inputs import COUNTS, Cost
from nasbench_harness.search.judge import Judge
from nasbench_harness.search.prune_stages import describe_space
from nasbench_harness.space import Subspace

FloatArray = npt.NDArray[np.float64]


def paired_report(
    details: dict[str, Any],
    truth_A: npt.ArrayLike,
    cost_A: npt.ArrayLike | None = None,
    *,
    resamples: int = 200,
    seed: int = 0,
) -> dict[str, Any]:
    """What a record of ``pad-nas`` is worth by the truth ``[15625]`` (NaN = unknown); ``details`` as in the record.

    ``last_space`` and ``front`` (thirty architectures along the front): tau-b of every stage's network on the same
    architectures and the gain of the last over the first, each with a bootstrap interval over architectures.
    ``spaces``: what each stage's space holds in the window; ``loss_of_optimum``: the best there before pruning minus
    the best left. ``returned``: true regret of the returned architecture in the window, and the hypervolume of its
    front over the true one's. ``cost_A`` ``[15625]`` is needed where the cost was a latency, else ``UsageError``.
    """
    truth = np.asarray(truth_A, dtype=np.float64)
    cost = _cost(details["cost"], cost_A)
    window = Window(**details["cost"]["window"])
    boxes = [
        Subspace.box(np.array(stage["box"], dtype=np.bool_), f"stage {i + 1}")
        for i, stage in enumerate(details["stages"])
    ]
    spaces = [describe_space(box, cost, window, truth) for box in boxes]
    best = [space["best_truth_in_window"] for space in spaces]
    lost = None if best[0] is None or best[-1] is None else best[0] - best[-1]
    sets = {name: _paired(found, truth, resamples, seed) for name, found in details["paired"].items()}
    return {
        **sets,
        "spaces": spaces,
        "loss_of_optimum": lost,
        "returned": _returned(details, cost, window, truth, boxes[0]),
    }


def _cost(described: dict[str, Any], cost_A: npt.ArrayLike | None) -> FloatArray:
    if cost_A is not None:
        return np.asarray(cost_A, dtype=np.float64)
    if described["name"] not in COUNTS:
        raise UsageError("the strategy searched by latency: give the column of its table as cost_A")
    return np.asarray(COUNTS[described["name"]](), dtype=np.float64)


def _paired(found: dict[str, Any], truth: FloatArray, resamples: int, seed: int) -> dict[str, Any]:
    index_N = np.array(found["index"], dtype=np.int64)
    known_N = ~np.isnan(truth[index_N])
    true_N, score_SN = truth[index_N][known_N], np.array(found["accuracy"])[:, known_N]
    rng = np.random.default_rng(seed)
    drawn = [np.sort(rng.integers(len(true_N), size=len(true_N))) for _ in range(resamples)] if len(true_N) else []
    tau_SR = [[kendall_tau(score_N[rows], true_N[rows]) for rows in drawn] for score_N in score_SN]
    tau_S = [kendall_tau(score_N, true_N) if len(true_N) else None for score_N in score_SN]
    gain_R = [None if a is None or b is None else b - a for a, b in zip(tau_SR[0], tau_SR[-1], strict=True)]
    gain = None if tau_S[0] is None or tau_S[-1] is None else tau_S[-1] - tau_S[0]
    return {
        "n": len(true_N),
        "stages": [{"tau": t, "interval": _interval(r)} for t, r in zip(tau_S, tau_SR, strict=True)],
        "gain": {"tau": gain, "interval": _interval(gain_R)},
    }


def _interval(values: list[float | None]) -> list[float] | None:
    """95 % percentiles; None where a resample leaves nothing to order."""
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return None
    tail = (1 - LEVEL) / 2
    return [float(bound) for bound in np.quantile(known, [tail, 1 - tail])]


def _returned(
    details: dict[str, Any], cost: FloatArray, window: Window, truth: FloatArray, space: Subspace
) -> dict[str, Any]:
    front = details["front"]
    index_N = np.array([row["index"] for row in front], dtype=np.int64)
    score_N = np.array([row["score"] for row in front])
    found = SearchResult(index_N, score_N, cost[index_N], index_N, 0, 0, 0, 0)
    described = details["cost"]
    judge = Judge(Cost(described["name"], described["unit"], cost, cost), window, space, truth)
    result = judge.result(found)
    return {name: result[name] for name in ("best", "regret", "hypervolume_ratio")}
