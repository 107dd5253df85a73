"""Figures of hardware results: the numbers of the JSON, nothing overlapping or cut, any result drawable."""

from __future__ import annotations

import itertools
import json

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axis import Tick
from matplotlib.backends.backend_agg import FigureCanvasAgg

from nasbench_harness.errors import DataError
from nasbench_harness.figures import kept_operations, pareto_front, style
from nasbench_harness.figures.device_matrix import by_likeness
from nasbench_harness.figures.hardware import draw_hardware
from nasbench_harness.latency import LatencyTable
from nasbench_harness.search.constraint import Window
from nasbench_harness.search.inputs import Cost, oracle_of, scores_from
from nasbench_harness.search.judge_latency import device_matrix, residuals
from nasbench_harness.search.search import search_tables
from nasbench_harness.search.settings import SearchSettings
from nasbench_harness.search.tables import prune_tables
from nasbench_harness.space import N_ARCHITECTURES, flops
from nasbench_harness.truth import Truth

RNG = np.random.default_rng(1)
COST_A = flops() / 1e7 + RNG.uniform(0, 1, N_ARCHITECTURES)
TRUTH = Truth(RNG.uniform(10, 70, N_ARCHITECTURES), np.arange(N_ARCHITECTURES), "cifar10_test_200", "t", "0" * 64, 10.0)
SCORES = [oracle_of(TRUTH), scores_from("flops"), scores_from("live_flops")]
SETTINGS = SearchSettings(16, 4)


def device(name: str, predicted: bool = False) -> Cost:
    return Cost(name, "ms", COST_A, COST_A * RNG.uniform(0.9, 1.2, N_ARCHITECTURES) if predicted else COST_A, {})


def searched(windows: int, predicted: bool = False) -> dict:
    chosen = [Window(None, 8), Window(6, 9), Window(None, 12), Window(10, 12)][:windows]
    found = search_tables(SCORES, [device("titan_rtx_256", predicted)], chosen, TRUTH, [0, 1, 2], SETTINGS)
    return json.loads(json.dumps(found))


def pruned() -> dict:
    found = prune_tables(
        SCORES[1:2], [device("gold_6226")], [Window(None, 9)], TRUTH, [0], (0.01, 0.1), 2, settings=SETTINGS
    )
    return json.loads(json.dumps(found))


def residual() -> dict:
    return residuals(COST_A, COST_A * RNG.normal(1, 0.1, N_ARCHITECTURES), "gold_6226")


def matrix(count: int) -> dict:
    columns = {f"device_{i}_batch_{i}": COST_A + RNG.normal(9, i + 0.1, N_ARCHITECTURES) for i in range(count)}
    return device_matrix(LatencyTable("t", {name: np.abs(values) + 0.1 for name, values in columns.items()}))


CASES = {
    "one window": lambda: searched(1),
    "three windows, predicted": lambda: searched(3, True),
    "four windows": lambda: searched(4),
    "pruning": pruned,
    "residuals": residual,
    "two devices": lambda: matrix(2),
    "twelve devices": lambda: matrix(12),
}


def texts_of(figure):
    """Every visible text with its box in pixels."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    axes = [axis for each in figure.axes if each.get_visible() for axis in (each.xaxis, each.yaxis)]
    drawn = {id(label) for axis in axes for tick in axis._update_ticks() for label in (tick.label1, tick.label2)}
    ticks = {id(label) for tick in figure.findobj(Tick) for label in (tick.label1, tick.label2)}
    return [
        (text, text.get_window_extent(renderer))
        for text in figure.findobj(mpl.text.Text)
        if text.get_visible() and text.get_text().strip() and (id(text) in drawn or id(text) not in ticks)
    ]


@pytest.mark.parametrize("make", CASES.values(), ids=CASES)
def test_no_text_overlaps_another_or_is_cut(make):
    for name, figure in draw_hardware(make()).items():
        assert figure.get_figwidth() in (style.SINGLE_COLUMN, style.DOUBLE_COLUMN), name
        with style.paper_style():
            boxes = texts_of(figure)
        for text, box in boxes:
            words = text.get_text()
            assert min(box.x0, box.y0) >= -0.5, (name, words)
            assert box.x1 <= figure.bbox.x1 + 0.5, (name, words)
            assert box.y1 <= figure.bbox.y1 + 0.5, (name, words)
        # slanted labels have boxes that overlap without touching letters
        upright = [(text.get_text(), box) for text, box in boxes if text.get_rotation() in (0, 90)]
        for (one, a), (other, b) in itertools.combinations(upright, 2):
            overlap = min(a.x1, b.x1) - max(a.x0, b.x0) > 1 and min(a.y1, b.y1) - max(a.y0, b.y0) > 1
            assert not overlap, (name, one, other)


def test_fronts_are_those_of_the_result_above_the_reference():
    result = searched(1)
    [figure] = draw_hardware(result).values()
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    problem = result["problems"][0]
    floor = problem["hypervolume_reference"]["truth"]
    true = [(row["cost"], row["truth"]) for row in problem["true_front"] if row["truth"] >= floor]
    np.testing.assert_array_equal(lines["true front of the table"].get_xydata(), [*true, (8, true[-1][1])])
    run = pareto_front.median_run(problem["runs"])
    assert run["regret"] == sorted(each["regret"] for each in problem["runs"])[1]
    shown = [(row["cost"], row["truth"]) for row in run["front"] if row["truth"] >= floor]
    np.testing.assert_array_equal(lines["found by the truth"].get_xydata(), shown)


def test_predicted_costs_are_joined_to_measured_ones():
    result = searched(1, True)
    [figure] = draw_hardware(result).values()
    run = pareto_front.median_run(result["problems"][1]["runs"])
    floor = min(problem["hypervolume_reference"]["truth"] for problem in result["problems"])
    wanted = {(row["predicted_cost"], row["cost"]) for row in run["front"] if row["cost"] and row["truth"] >= floor}
    drawn = {tuple(line.get_xdata()) for line in figure.axes[0].lines if len(line.get_xdata()) == 2}
    assert wanted <= drawn


def test_kept_operations_show_frequencies_and_cross_out_what_is_gone():
    result = pruned()
    problem = result["problems"][0]
    run = problem["runs"][1]
    figure = kept_operations.draw(result, problem, run)
    for axis, stage in zip(figure.axes, run["stages"], strict=False):
        image = np.asarray(axis.images[0].get_array(), float)
        there = ~np.isnan(image)
        np.testing.assert_allclose(image[there], 100 * np.array(stage["frequency"])[there])
        assert len(axis.lines) == 2 * len(stage["removed"])
    assert len(draw_hardware(result)) == 2


def test_alike_devices_stand_together():
    tau_DD = np.array([[1, 0.1, 0.9, 0.2], [0.1, 1, 0.2, 0.9], [0.9, 0.2, 1, 0.1], [0.2, 0.9, 0.1, 1]])
    order = by_likeness(tau_DD)
    assert sorted(order) == [0, 1, 2, 3]
    assert {frozenset(order[:2]), frozenset(order[2:])} == {frozenset({0, 2}), frozenset({1, 3})}


def test_a_search_without_a_truth_has_no_figure_and_strangers_are_refused():
    found = search_tables(SCORES[1:2], [device("d")], [Window(None, 8)], None, [0], SETTINGS)
    assert draw_hardware(found) == {}
    with pytest.raises(DataError, match="kind 'luck' has no figure"):
        draw_hardware({"kind": "luck"})
