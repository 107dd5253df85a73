"""From what each image says of each architecture to tau against the number of images; see ``scoring_images``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.metrics import TAUS, kendall_tau, tau_with, tau_within
from nasbench_harness.space import connected, flops
from nasbench_harness.truth import TruthPolicy, open_table

SIGNALS = ("accuracy", "negative_loss")
TOLERATED = 0.005
"""The loss of tau that a recommended number of images may cost."""


def batch_sums(folder: Path, batches: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Right answers ``[B, n]`` and losses ``[B, n]`` of every batch and connected architecture, sizes ``[B]``, seconds.

    Raises ``DataError`` where batches are missing.
    """
    correct_BN, loss_BN, size_B, seconds = [], [], [], 0.0
    for number in range(batches):
        path = folder / f"batch-{number:03d}.npz"
        if not path.is_file():
            raise DataError(f"{path}: missing; run the measurement again, it goes on from there")
        with np.load(path) as stored:
            correct, loss, run_of = stored["correct"], stored["loss"], stored["run_of"]
            seconds += float(stored["seconds"])
        correct_BN.append(correct.sum(1)[run_of])
        loss_BN.append(loss.sum(1, dtype=np.float64)[run_of])
        size_B.append(correct.shape[1])
    return np.array(correct_BN), np.array(loss_BN), np.array(size_B), seconds


def sets_of(batches: int, size: int, at_least: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Sets of ``size`` batches: permutations cut into disjoint sets until there are enough; all batches: one set."""
    if size == batches:
        yield np.arange(batches)
        return
    found = 0
    while found < at_least:
        order = rng.permutation(batches)
        for start in range(0, batches - size + 1, size):
            yield order[start : start + size]
            found += 1


def sizes_of(batches: int) -> list[int]:
    """Numbers of batches that the curve shows."""
    return sorted({k for k in (1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 30, 50, 75, 100) if k < batches} | {batches})


def curve_of(
    folder: Path, description: dict[str, Any], truth: str | None, policy: str | None, subsets: int
) -> dict[str, Any]:
    """Mean and spread of three numbers by signal and number of images, the fit of the mean, and a recommendation."""
    if subsets < 2:
        raise UsageError(f"--subsets {subsets}: a spread needs at least 2")
    chosen = np.array(description["architectures"])
    true_A = TruthPolicy(policy or description["policy"]).apply(open_table(truth)).vector[chosen]
    correct_BN, loss_BN, size_B, seconds = batch_sums(folder, description["batches"])
    path_A, known_A = connected()[chosen], ~np.isnan(true_A)
    count_A = flops(live=True)[chosen].astype(np.float64)
    chance = {"accuracy": 100.0 / description["classes"], "negative_loss": -np.log(description["classes"])}
    rng = np.random.default_rng(0)
    points: list[dict[str, Any]] = []
    for size in sizes_of(len(size_B)):
        found: dict[str, dict[str, list[float]]] = {s: {m: [] for m in TAUS} for s in SIGNALS}
        for drawn in sets_of(len(size_B), size, subsets, rng):
            images = size_B[drawn].sum()
            values = {
                "accuracy": 100.0 * correct_BN[drawn].sum(0) / images,
                "negative_loss": -loss_BN[drawn].sum(0) / images,
            }
            for signal, value_C in values.items():
                score_A = np.full(len(chosen), chance[signal], dtype=np.float32)
                score_A[path_A] = value_C
                for name, number in _numbers(score_A[known_A], true_A[known_A], count_A[known_A]).items():
                    if number is not None:
                        found[signal][name].append(number)
        images = round(size * float(size_B.mean()))
        points.append({"images": images, "signals": {s: _summary(found[s]) for s in SIGNALS}})
    return {
        "experiment": description["experiment"],
        "n": int(known_A.sum()),
        "batch_size": description["batch_size"],
        "seconds_of_measurement": seconds,
        "points": points,
        "limit": {s: {m: _limit(points, s, m) for m in TAUS} for s in SIGNALS},
        "recommended": {s: _recommended(points, s) for s in SIGNALS},
    }


def _numbers(score_A: np.ndarray, true_A: np.ndarray, count_A: np.ndarray) -> dict[str, float | None]:
    return {
        "kendall_tau": kendall_tau(score_A, true_A),
        "tau_within_flops": tau_within(score_A, true_A, count_A).tau,
        "tau_with_flops": tau_with(score_A, true_A, count_A),
    }


def _summary(found: dict[str, list[float]]) -> dict[str, Any]:
    return {
        name: {
            "mean": float(np.mean(values)) if values else None,
            "sd": float(np.std(values, ddof=1)) if len(values) > 1 else None,
            "sets": len(values),
        }
        for name, values in found.items()
    }


def _limit(points: list[dict[str, Any]], signal: str, metric: str) -> dict[str, float] | None:
    """Least squares of the means to a - b / images: ``a`` is what endless images would give."""
    rows = [(1 / p["images"], p["signals"][signal][metric]["mean"]) for p in points]
    known = [row for row in rows if row[1] is not None]
    if len(known) < 3:
        return None
    x, y = np.array(known).T
    slope, a = np.polyfit(x, y, 1)
    return {"value": float(a), "lost_times_images": float(-slope)}


def _recommended(points: list[dict[str, Any]], signal: str) -> int | None:
    """The fewest images whose mean tau is less than ``TOLERATED`` below that of all images."""
    means: list[tuple[int, float | None]] = [(p["images"], p["signals"][signal]["kendall_tau"]["mean"]) for p in points]
    best = means[-1][1]
    if best is None:
        return None
    return next(images for images, mean in means if mean is not None and mean > best - TOLERATED)


def table(curve: dict[str, Any]) -> str:
    """The curve as text: mean ± standard deviation over sets of images."""
    lines = [
        f"{curve['experiment']}: {curve['n']:,} architectures, batches of {curve['batch_size']}; "
        "mean ± standard deviation over sets of images"
    ]
    for signal in SIGNALS:
        lines += ["", f"{signal:>14}  {'tau':>15}  {'within FLOPs':>15}  {'with FLOPs':>15}"]
        for point in curve["points"]:
            found = point["signals"][signal]
            lines.append(f"{point['images']:>7} images  " + "  ".join(f"{_cell(found[m]):>15}" for m in TAUS))
        limits = [curve["limit"][signal][m] for m in TAUS]
        lines.append(
            f"{'limit':>14}  " + "  ".join(f"{'-' if v is None else format(v['value'], '.4f'):>15}" for v in limits)
        )
        lines.append(f"fewest images that cost less than {TOLERATED} of tau: {curve['recommended'][signal]}")
    return "\n".join(lines)


def _cell(found: dict[str, Any]) -> str:
    if found["mean"] is None:
        return "-"
    return f"{found['mean']:.4f}" + ("" if found["sd"] is None else f" ± {found['sd']:.4f}")
