"""Figures of a sweep: a row a point, curves of one number, points along training, all by the numbers of records."""

from __future__ import annotations

import numpy as np

from nasbench_harness.evidence.sweep import sweep_of
from nasbench_harness.figures.page import page_of
from nasbench_harness.figures.sweep import draw_sweep
from nasbench_harness.records import read_run
from tests.figures.test_tau_along_training import trajectory

PAGE = page_of("neurips")


def swept(fake, folder, sections, taus=((0.4, 0.5), (0.6, 0.8), (0.7, 0.7))):
    runs = [
        read_run(fake.write_run(folder / str(number), {"one": list(values)}, **section))
        for number, (section, values) in enumerate(zip(sections, taus, strict=False))
    ]
    return sweep_of(runs)


def test_one_number_gives_curves_of_the_means_over_it(fake, tmp_path):
    sweep = swept(fake, tmp_path, [{"budget": {"epochs": n}} for n in (360, 60, 180)])
    figure = draw_sweep(sweep, PAGE)["sweep"].figure
    tau, within, fused = figure.axes
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["τ", "τ within equal FLOPs", "τ with FLOPs"]
    [curve] = [line for line in tau.lines if len(line.get_xdata()) == 3]
    np.testing.assert_array_equal(curve.get_xdata(), [60, 180, 360])
    np.testing.assert_allclose(curve.get_ydata(), [0.7, 0.7, 0.45])
    seeds = [line for line in tau.lines if line.get_marker() == "o"]
    np.testing.assert_allclose([line.get_ydata() for line in seeds], [[0.6, 0.8], [0.7, 0.7], [0.4, 0.5]])
    assert within.get_xlabel() == fused.get_xlabel() == "epochs"


def test_several_settings_or_words_give_a_row_a_point(fake, tmp_path):
    sections = [{"network": {"cells": c, "channels": d}} for c, d in ((3, 5), (1, 8), (3, 4))]
    drawn = draw_sweep(swept(fake, tmp_path, sections), PAGE)
    assert list(drawn) == ["sweep", "sweep_training_loss"]
    [losses] = drawn["sweep_training_loss"].figure.axes
    assert [line.get_label() for line in losses.lines][::2] == [  # two seeds a point
        "cells 1, channels 8",
        "cells 3, channels 4",
        "cells 3, channels 5",
    ]
    tau = drawn["sweep"].figure.axes[0]
    assert [label.get_text() for label in tau.get_yticklabels()] == [
        "cells 1, channels 8",
        "cells 3, channels 4",
        "cells 3, channels 5",
    ]
    means = [line.get_xdata()[0] for line in tau.lines if line.get_marker() == "|"]
    np.testing.assert_allclose(means, [0.7, 0.7, 0.45])
    assert "Truth: column cifar10_test_200" in drawn["sweep"].caption


def test_points_with_a_trajectory_are_drawn_along_it(fake, tmp_path):
    sweep = swept(fake, tmp_path, [{"network": {"cells": n}} for n in (1, 2)])
    for point, taus in zip(sweep.points, ([0.2, 0.4], [0.3, None]), strict=True):
        training = {"loss": [], "details": {}, "trajectory": trajectory(taus)}
        object.__setattr__(point.records[0], "training", training)
    drawn = draw_sweep(sweep, PAGE, "accuracy")
    tau = drawn["sweep_along_training"].figure.axes[0]
    first, second, _ = tau.lines
    np.testing.assert_allclose(first.get_xdata(), [250_000, 500_000])
    np.testing.assert_allclose(first.get_ydata(), [0.2, 0.4])
    np.testing.assert_allclose(second.get_ydata(), [0.3, np.nan])
    assert (first.get_label(), second.get_label()) == ("cells 1", "cells 2")
    assert "over 998 architectures" in drawn["sweep_along_training"].caption
