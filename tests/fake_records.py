"""Records with the shape of real ones, from scores made of truth and noise; loaded by the conftest files nearby."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from nasbench_harness.metrics import breakdown, evaluate, top_k_curve
from nasbench_harness.metrics.leaves import analyse_leaves
from nasbench_harness.records import Record, Run, ScoreTable, write_record

N = 400
SIGNALS = ("accuracy", "negative_loss")


def truth_of(n: int = N) -> np.ndarray:
    """Accuracies with the long lower tail of the real table, and a block of ties at chance."""
    rng = np.random.default_rng(7)
    accuracy = 94.4 - rng.gamma(1.3, 3.5, n)
    accuracy[rng.choice(n, n // 50, replace=False)] = 10.0
    return np.round(np.maximum(accuracy, 10.0), 2)


def scores_of(truth: np.ndarray, noise: float, seed: int) -> np.ndarray:
    """Scores whose ranks are those of the truth, disturbed."""
    rng = np.random.default_rng(seed)
    rank = truth.argsort(kind="stable").argsort(kind="stable") / len(truth)
    return rank + noise * rng.normal(size=len(truth))


def make_record(strategy: str = "one-shot", seed: int = 0, noise: float = 0.3, **changes: Any) -> Record:
    """One record; ``changes`` replace fields. Bootstrap intervals come from few draws, to be quick."""
    truth = truth_of()
    columns = {name: scores_of(truth, noise * (1.2 - 0.2 * i), 1000 * seed + i) for i, name in enumerate(SIGNALS)}
    fields: dict[str, Any] = {
        "identity": "ab" * 32,
        "experiment": {"name": "fake", "strategy": strategy, "seed": seed},
        "experiment_name": "fake",
        "strategy": strategy,
        "seed": seed,
        "signal": "negative_loss",
        "metrics": {name: _column(score, truth) for name, score in columns.items()},
        "references": deepcopy(_references()),
        "top_k_curve": {name: top_k_curve(score, truth) for name, score in columns.items()},
        "truth": {
            "table": "fake",
            "sha256": "cd" * 32,
            "policy": "cifar10_test_200",
            "n": N,
            "best": float(truth.max()),
            "noise_ceiling": {"kendall_tau": 0.93},
        },
        "leaves": [
            {"name": name, "size": size, "updates": 500, "channels": 8}
            for name, size in (("one half", 7812), ("the other", 7813))
        ],
        "analysis": {
            "leaves": {
                name: analyse_leaves(score, truth, np.arange(N) % 2, ("one half", "the other"))
                for name, score in columns.items()
            },
            "ranked": None,
            "strategy": {},
        },
        "cost": {
            "architecture_updates": {"planned": 1_500_000, "used": 1_500_000},
            "training_seconds": 200.0 + seed,
            "scoring_seconds": 40.0,
            "peak_memory_mb": 812.0,
            "scored_cells": 9445,
            "scored_images": 1000,
            "parameters": 123456,
        },
        "training": {"loss": [{"stage": "supernet", "updates": [100, 200], "loss": [2.1, 1.9]}]},
        "environment": {"python": "3.11"},
        "created": "2026-01-01T00:00:00+00:00",
    }
    return Record(**(fields | changes))


def make_scores(record: Record, run: str = "") -> ScoreTable:
    """Scores to stand beside a record: one row an architecture; others in every run, strategy and seed."""
    rng = np.random.default_rng([*f"{run}/{record.strategy}".encode(), record.seed])
    return ScoreTable(
        index=np.arange(N, dtype=np.int32) * 3,
        leaf=np.zeros(N, np.int16),
        scores={name: rng.normal(size=N).astype(np.float32) for name in record.metrics},
    )


def make_run(noises: dict[str, float], n_seeds: int = 1) -> Run:
    """A run without files: strategy -> noise, with that many seeds each."""
    records = [make_record(name, seed, noises[name]) for name in sorted(noises) for seed in range(n_seeds)]
    return Run(Path("fake"), tuple(records))


def write_run(
    folder: Path, taus: dict[str, list[float]], metric: str = "kendall_tau", **sections: dict[str, Any]
) -> Path:
    """A run on disk with these values of one metric, by strategy and seed; ``sections``: of the description, replaced.

    All else is the same in every record.
    """
    like = make_record()
    described = {
        "name": "fake",
        "images": {"name": "digits", "size": None},
        "training": {"batch_size": 64, "learning_rate": 0.025},
        "data": {"truth_sha256": "cd" * 32, "device": "cpu"},
    }
    for strategy, values in taus.items():
        for seed, value in enumerate(values):
            options = {"name": strategy, "kind": "one-shot"}
            experiment = {**described, "strategy": options, "seed": seed} | sections
            metrics = {name: {**column, metric: value} for name, column in like.metrics.items()}
            record = replace(like, strategy=strategy, seed=seed, experiment=experiment, metrics=metrics)
            write_record(folder, record, make_scores(record, folder.name))
    return folder


@cache
def _references() -> dict[str, dict[str, Any]]:
    """Those of every record."""
    truth = truth_of()
    scores = {name: scores_of(truth, 0.35 - 0.05 * i, 99 + i) for i, name in enumerate(("flops", "live_flops"))}
    return {name: _column(score, truth) for name, score in scores.items()}


def _column(score: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    counts = np.arange(len(truth)) % 8
    found = evaluate(score, truth, flops=counts, resamples=8).to_json()
    return found | {"breakdown": breakdown(score, truth, {"convolutions": counts, "nonlinearities": counts % 4})}
