"""What the page's program reads: scores in compact form, and the curves of its charts, as plain JSON values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.records import Record, Run
from nasbench_harness.records.summary import Estimate
from nasbench_harness.report.leaderboard import Leaderboard
from nasbench_harness.report.page.chosen import Chosen, unit_json
from nasbench_harness.report.page.names import REFERENCES, Look
from nasbench_harness.report.page.pack import pack
from nasbench_harness.space import N_ARCHITECTURES, flops

FloatArray = npt.NDArray[np.float64]

COUNTS = {"flops": False, "live_flops": True}
"""Reference rankings by name, and whether each counts live edges alone."""


def payload(
    run: Run,
    board: Leaderboard,
    look: dict[str, Look],
    chosen: Chosen,
    truth_A: FloatArray | None,
    signal: str | None,
) -> dict[str, Any]:
    """Everything that the program draws. ``truth_A``: float64 ``[15625]``, percent, NaN where unknown; None: none."""
    numbers = {name: one.number for name, one in look.items()}
    index = chosen.index
    return {
        "experiment": run.name,
        "policy": board.truth_policy,
        "signal": signal or run.records[0].signal,
        "strategies": [
            {"name": name, "label": look[name].label, "colour": look[name].colour, "kind": look[name].kind}
            for name in run.strategies
        ],
        "index": None if len(index) == N_ARCHITECTURES else pack(index),
        "truth": None if truth_A is None else pack(truth_A[index]),
        "references": [
            {
                "name": name,
                "label": REFERENCES[name],
                "tau": board_tau(board, name),
                "scores": pack(flops(live=live)[index]),
            }
            for name, live in COUNTS.items()
        ],
        "units": [unit_json(held, numbers[held.record.strategy], signal) for held in chosen.held],
        "topK": [curve for name in run.strategies if (curve := _top_k(run.of(name), numbers[name], signal))],
        "ceiling": board.best_accuracy,
        "training": _trajectories(run, numbers),
        "cost": [_cost(row.name, row.metrics["kendall_tau"], row.costs, numbers) for row in board.rows if row.costs],
    }


def board_tau(board: Leaderboard, reference: str) -> float | None:
    """Tau of a reference ranking, None where the records have none."""
    for row in board.references:
        if row.name == reference and (tau := row.metrics["kendall_tau"]) is not None:
            return tau.mean
    return None


def _top_k(records: Sequence[Record], number: int, signal: str | None) -> dict[str, Any] | None:
    """Mean over seeds of the best true accuracy among the k best by score."""
    curves = [record.top_k_curve[signal or record.signal] for record in records]
    ks = curves[0]["k"]
    if any(curve["k"] != ks for curve in curves):
        return None
    mean_K = np.mean([curve["accuracy"] for curve in curves], axis=0)
    return {"strategy": number, "x": list(ks), "y": _rounded(mean_K)}


def _trajectories(run: Run, numbers: dict[str, int]) -> dict[str, Any] | None:
    """Tau along training by signal, mean over the seeds that have the same points; None where no record has any."""
    signals: dict[str, list[dict[str, Any]]] = {}
    first: dict[str, Any] | None = None
    for name in run.strategies:
        followed = [r.training["trajectory"] for r in run.of(name) if "trajectory" in r.training]
        if not followed:
            continue
        first = first or followed[0]
        points = [[point["updates"] for point in each["points"]] for each in followed]
        alike = [each for each, at in zip(followed, points, strict=True) if at == points[0]]
        for signal in alike[0]["points"][0]["signals"]:
            tau_SP = np.array([[_tau(point, signal) for point in each["points"]] for each in alike], np.float64)
            known = np.atleast_1d(~np.isnan(tau_SP).any(axis=0))
            signals.setdefault(signal, []).append(
                {
                    "strategy": numbers[name],
                    "x": [int(at) for at, good in zip(points[0], known, strict=True) if good],
                    "y": _rounded(tau_SP.mean(axis=0)[known]),
                    "low": _rounded(tau_SP.min(axis=0)[known]),
                    "high": _rounded(tau_SP.max(axis=0)[known]),
                    "seeds": len(alike),
                }
            )
    if first is None:
        return None
    return {"n": first["n"], "reference": first["references"]["live_flops"]["kendall_tau"], "signals": signals}


def _tau(point: dict[str, Any], signal: str) -> float:
    tau = point["signals"][signal]["kendall_tau"]
    return np.nan if tau is None else float(tau)


def _cost(
    name: str, tau: Estimate | None, costs: dict[str, Estimate | None], numbers: dict[str, int]
) -> dict[str, Any]:
    def mean(value: Estimate | None) -> float | None:
        return None if value is None else value.mean

    return {
        "strategy": numbers[name],
        "tau": mean(tau),
        "interval": None if tau is None or tau.interval is None else list(tau.interval),
        **{key: mean(value) for key, value in costs.items()},
    }


def _rounded(values: npt.NDArray[np.float64]) -> list[float]:
    return [round(float(value), 5) for value in values]
