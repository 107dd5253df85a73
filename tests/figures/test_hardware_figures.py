"""Figures of hardware results: the numbers of the JSON, nothing overlapping or cut, any result drawable."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axis import Tick
from matplotlib.backends.backend_agg import FigureCanvasAgg

from nasbench_harness.cli import main
from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.figures import kept_operations, pareto_front, style
from nasbench_harness.figures.device_matrix import by_likeness
from nasbench_harness.figures.device_names import name_of_device, name_of_scores, title_of_truth
from nasbench_harness.figures.hardware import draw_hardware, draw_stored
from nasbench_harness.figures.page import SMALLEST, page_of
from nasbench_harness.latency import LatencyTable
from nasbench_harness.search.constraint import Window
from nasbench_harness.search.inputs import Cost, oracle_of, scores_from
from nasbench_harness.search.judge_latency import device_matrix, residuals
from nasbench_harness.search.search import search_tables
from nasbench_harness.search.settings import SearchSettings
from nasbench_harness.search.tables import prune_tables
from nasbench_harness.space import N_ARCHITECTURES, connected, flops
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


@pytest.mark.parametrize(
    ("make", "width"),
    [*((make, "neurips") for make in CASES.values()), (residual, "3.4")],
    ids=[*CASES, "residuals, narrow"],
)
def test_no_text_overlaps_another_or_is_cut(make, width):
    page = page_of(width)
    for name, drawn in draw_hardware(make(), width).items():
        figure = drawn.figure
        assert figure.get_figwidth() in (page.column, page.text), name
        with style.paper_style(page):
            boxes = texts_of(figure)
        assert min(text.get_fontsize() for text, _ in boxes) >= SMALLEST - 0.01, name
        assert drawn.caption.endswith("."), name
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
    [drawn] = draw_hardware(result).values()
    lines = [[tuple(point) for point in line.get_xydata().tolist()] for line in drawn.figure.axes[0].lines]
    problem = result["problems"][0]
    floor = problem["hypervolume_reference"]["truth"]
    true = [(row["cost"], row["truth"]) for row in problem["true_front"] if row["truth"] >= floor]
    assert [*true, (8, true[-1][1])] in lines
    for problem in result["problems"]:
        for run in problem["runs"]:  # every seed
            assert [(row["cost"], row["truth"]) for row in run["front"] if row["truth"] >= floor] in lines
            best = run["best"]
            if best["truth"] >= floor:
                assert [(best["cost"], best["truth"])] in lines
                assert [(best["cost"], best["truth"]), (8, best["truth"])] in lines
    assert "cifar10_test_200" in drawn.caption
    assert drawn.figure.axes[0].get_ylabel() == "CIFAR-10 test accuracy (%)"


def test_the_front_beyond_the_limits_is_grey():
    truth_A = np.sqrt(COST_A) + RNG.uniform(0, 1, N_ARCHITECTURES)  # so that the front goes on beyond the limit
    truth = replace(TRUTH, accuracy_A=truth_A)
    found = search_tables([oracle_of(truth)], [device("d")], [Window(None, 12)], truth, [0], SETTINGS)
    [drawn] = draw_hardware(found).values()
    inside = [i for i in np.flatnonzero(connected()) if COST_A[i] > 12]
    front = [i for i in inside if not (connected() & (COST_A[i] > COST_A) & (truth_A > truth_A[i])).any()]
    beyond = sorted((COST_A[i], truth_A[i]) for i in front)
    told = [(row["cost"], row["truth"]) for row in found["problems"][0]["front_beyond"]]
    assert told == beyond
    [grey] = [line for line in drawn.figure.axes[0].lines if line.get_color() == pareto_front._BEYOND]
    shown = [tuple(point) for point in grey.get_xydata().tolist()]
    assert shown[0][0] == 12
    assert shown[1:-1] == told[: len(shown) - 2] != []


def test_devices_and_scores_have_readable_names():
    assert name_of_device("titan_rtx_256") == "Titan RTX, batch 256"
    assert name_of_device("silver_4210r") == "Xeon Silver 4210R"
    assert name_of_device("my_board_8") == "my_board_8"
    assert name_of_scores("one-shot-balanced/seed-0:negative_loss") == "one-shot, balanced (seed 0, negative loss)"
    assert name_of_scores("mine.csv:score") == "mine.csv:score"
    assert title_of_truth("imagenet16_120_test_200_seed888") == "ImageNet16-120 test accuracy (%)"
    assert title_of_truth("latency") == "latency"


def test_predicted_costs_are_joined_to_measured_ones():
    result = searched(1, True)
    [figure] = [drawn.figure for drawn in draw_hardware(result).values()]
    floor = min(problem["hypervolume_reference"]["truth"] for problem in result["problems"])
    bests = [run["best"] for problem in result["problems"] for run in problem["runs"]]
    wanted = {(row["predicted_cost"], row["cost"]) for row in bests if row["truth"] >= floor}
    drawn = {tuple(line.get_xdata()) for line in figure.axes[0].lines if len(line.get_xdata()) == 2}
    assert wanted <= drawn


def test_kept_operations_show_frequencies_and_cross_out_what_is_gone():
    result = pruned()
    problem = result["problems"][0]
    run = problem["runs"][1]
    figure = kept_operations.draw(result, problem, run).figure
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


def test_a_stored_result_is_drawn_again(tmp_path, capsys):
    file = tmp_path / "residuals.json"
    file.write_text(json.dumps(residual()))
    assert list(draw_stored(file, only=["latency_residuals_gold_6226"])) == ["latency_residuals_gold_6226"]
    assert main(["figures", str(file), "--out", str(tmp_path / "out"), "--width", "icml"]) == 0
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == [f"latency_residuals_gold_6226.{kind}" for kind in ("pdf", "png", "tex")]
    assert len(capsys.readouterr().out.splitlines()) == 3


@pytest.mark.parametrize(
    ("text", "error", "named"),
    [
        ("{", DataError, "cannot be read as JSON"),
        ("[1]", DataError, "holds a list and no result"),
        ('{"kind": "search"}', DataError, "no whole result of kind 'search'"),
        ('{"kind": "search", "problems": []}', DataError, "search again with --truth"),
        ('{"kind": "device-matrix"}', DataError, "no whole result"),
    ],
)
def test_what_is_no_result_is_named(text, error, named, tmp_path):
    file = tmp_path / "x.json"
    file.write_text(text)
    with pytest.raises(error, match=named):
        draw_stored(file)


def test_an_unknown_figure_and_options_of_runs_are_refused(tmp_path, capsys):
    file = tmp_path / "x.json"
    file.write_text(json.dumps(residual()))
    with pytest.raises(UsageError, match="there are: latency_residuals_gold_6226"):
        draw_stored(file, only=["pareto"])
    assert main(["figures", str(file), "--each", "--out", str(tmp_path / "out")]) == 2
    assert "only --out, --width and --only apply" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
