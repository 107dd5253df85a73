"""The figure of tau along training: the numbers of the records, both signals, and nothing where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from nasbench_harness.figures import draw_run, save_figures, tau_along_training
from nasbench_harness.records import Run


def trajectory(taus: list[float | None], interval: float = 0.03) -> dict[str, object]:
    def numbers(tau: float | None) -> dict[str, object]:
        intervals = {} if tau is None else {"kendall_tau": [tau - interval, tau + interval]}
        return {"kendall_tau": tau, "tau_within_flops": None, "tau_with_flops": tau, "intervals": intervals}

    points = [
        {
            "fraction": (place + 1) / len(taus),
            "updates": (place + 1) * 250_000,
            "signals": {"accuracy": numbers(tau), "negative_loss": numbers(None if tau is None else tau + 0.05)},
        }
        for place, tau in enumerate(taus)
    ]
    return {"architectures": 1000, "n": 998, "references": {"live_flops": numbers(0.65)}, "points": points}


def record(fake, name: str, seed: int, taus: list[float | None]):
    return fake.make_record(name, seed, training={"loss": [], "details": {}, "trajectory": trajectory(taus)})


def test_lines_are_means_over_seeds_against_updates(fake, sheet_of, tmp_path):
    records = (
        record(fake, "one-shot-balanced", 0, [0.3, 0.5, 0.6]),
        record(fake, "one-shot-balanced", 1, [0.2, 0.6, 0.7]),
        record(fake, "one-shot-uniform", 0, [None, 0.4, 0.5]),
        fake.make_record("plain", 0),
    )
    figure = tau_along_training.draw(sheet_of(Run(tmp_path, records))).figure
    accuracy, loss = figure.axes
    lines = {line.get_label(): line for line in accuracy.lines}
    assert set(lines) == {"one-shot, balanced", "one-shot, uniform", "live FLOPs 0.65"}
    np.testing.assert_array_equal(lines["one-shot, balanced"].get_xdata(), [250_000, 500_000, 750_000])
    np.testing.assert_allclose(lines["one-shot, balanced"].get_ydata(), [0.25, 0.55, 0.65])
    np.testing.assert_allclose(lines["one-shot, uniform"].get_ydata(), [np.nan, 0.4, 0.5])
    np.testing.assert_allclose(loss.lines[0].get_ydata(), [0.30, 0.60, 0.70])
    two_seeds, one_seed = (band.get_paths()[0].vertices for band in accuracy.collections)
    assert (two_seeds[:, 1].min(), two_seeds[:, 1].max()) == (0.2, 0.7)
    assert (one_seed[:, 1].min(), one_seed[:, 1].max()) == pytest.approx((0.37, 0.53))
    assert accuracy.get_ylabel() == "Kendall τ, n = 998"
    assert all(path.stat().st_size for path in save_figures({"tau_along_training": figure}, tmp_path))


def test_it_is_among_the_figures_of_a_run_that_has_trajectories(fake, tmp_path):
    followed = Run(tmp_path, (record(fake, "one-shot", 0, [0.3, 0.5]),))
    assert "tau_along_training" in draw_run(followed).drawn
    assert "tau_along_training" in draw_run(fake.make_run({"one-shot": 0.6})).skipped
