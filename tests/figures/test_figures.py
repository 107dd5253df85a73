"""Figures: right content, nothing overlapping or cut, same bytes each time."""

from __future__ import annotations

import io
import itertools
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axis import Tick
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.experiment.methods import METHODS
from nasbench_harness.figures import draw_run, rank_hexbin, save_figures, style, tau_by_strategy, top_k_curve
from nasbench_harness.records import Run, write_record
from nasbench_harness.records.schema import ADDED

FIVE = {
    "one-shot-uniform": 0.7,
    "one-shot-balanced": 0.35,
    "single-edge": 0.55,
    "efs-group": 0.3,
    "random-partition": 0.9,
}
TWELVE = FIVE | {f"a-few-shot-variant-{number}": 0.2 + 0.1 * number for number in range(7)}
CASES = {"two strategies, 3 seeds": (2, 3), "five, 1 seed": (5, 1), "twelve, 2 seeds": (12, 2)}


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES)
def run(fake, request):
    strategies, seeds = request.param
    return fake.make_run(dict(itertools.islice(TWELVE.items(), strategies)), seeds)


def texts_of(figure):
    """Every visible text with its box in pixels, as a reader sees it."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    axes = [axis for each in figure.axes if each.get_visible() for axis in (each.xaxis, each.yaxis)]
    drawn = {id(label) for axis in axes for tick in axis._update_ticks() for label in (tick.label1, tick.label2)}
    ticks = {id(label) for tick in figure.findobj(Tick) for label in (tick.label1, tick.label2)}
    return [
        (text.get_text(), text.get_window_extent(renderer))
        for text in figure.findobj(mpl.text.Text)
        if text.get_visible() and text.get_text().strip() and (id(text) in drawn or id(text) not in ticks)
    ]


def test_the_helper_sees_overlapping_and_cut_text():
    figure = Figure((2, 2))
    axis = figure.subplots()
    axis.text(0.5, 0.5, "one")
    axis.text(0.52, 0.5, "other")
    axis.text(1.0, 0.2, "far beyond the edge")
    boxes = dict(texts_of(figure))
    assert {"one", "other", "far beyond the edge", "0.0"} <= set(boxes)
    assert boxes["one"].x1 > boxes["other"].x0
    assert boxes["far beyond the edge"].x1 > figure.bbox.x1


def test_no_text_overlaps_another_or_is_cut(run):
    figures = draw_run(run)
    with style.paper_style():
        for name in ("rank_hexbin", "tau_by_strategy", "top_k_curve", f"rank_hexbin_{run.strategies[0]}"):
            figure = figures[name]
            boxes = texts_of(figure)
            for text, box in boxes:
                assert box.x0 >= -0.5, (name, text)
                assert box.y0 >= -0.5, (name, text)
                assert box.x1 <= figure.bbox.x1 + 0.5, (name, text)
                assert box.y1 <= figure.bbox.y1 + 0.5, (name, text)
            for (one, a), (other, b) in itertools.combinations(boxes, 2):
                overlap = min(a.x1, b.x1) - max(a.x0, b.x0) > 1 and min(a.y1, b.y1) - max(a.y0, b.y0) > 1
                assert not overlap, (name, one, other)


def test_every_figure_of_a_run_is_there_at_column_width(run):
    figures = draw_run(run)
    assert set(figures) == {"leaf_panels", "rank_hexbin", "tau_by_strategy", "top_k_curve"} | {
        f"rank_hexbin_{name}" for name in run.strategies
    }
    for name, figure in figures.items():
        assert figure.get_figwidth() in (style.SINGLE_COLUMN, style.DOUBLE_COLUMN), name
        assert figure.get_figheight() < 9, name


def test_the_hexagons_are_those_of_the_record(fake):
    record = fake.make_record()
    figure = rank_hexbin.draw_unit(record, "accuracy")
    density = record.rank_density["accuracy"]
    [hexagons] = figure.axes[0].findobj(PolyCollection)
    assert int(hexagons.get_array().sum()) == fake.N
    paths = hexagons.get_paths()
    assert len(paths) == len(density["x"])
    corners = paths[3].vertices[:6]
    np.testing.assert_allclose(corners.mean(0), [density["x"][3], density["y"][3]], atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(corners - corners.mean(0), axis=1), density["radius"])
    np.testing.assert_allclose(np.ptp(corners[:, 0]), 1 / density["bins"])  # touching neighbours: no gaps, no overlap
    note = figure.axes[0].texts[0].get_text()
    column = record.metrics["accuracy"]
    assert note == f"τ = {column['kendall_tau']:.3f}\nρ = {column['spearman']:.3f}\nn = 400\nseed 0"  # noqa: RUF001


def test_the_grid_shows_the_median_seed_of_each_strategy_best_first(fake):
    run = fake.make_run({"one-shot": 0.7, "single-edge": 0.3}, 3)
    titles = [axis.get_title(loc="left") for axis in rank_hexbin.draw_grid(run).axes[:2]]
    assert titles == ["few-shot, 1 edge", "one-shot"]
    taus = sorted(record.metrics["negative_loss"]["kendall_tau"] for record in run.of("one-shot"))
    assert rank_hexbin.median_unit(run.of("one-shot")).metrics["negative_loss"]["kendall_tau"] == taus[1]


def test_tau_shows_each_seed_the_mean_and_the_references(fake):
    run = fake.make_run({"one-shot": 0.7, "single-edge": 0.3}, 3)
    axis = tau_by_strategy.draw(run).axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["one-shot", "few-shot, 1 edge"]
    dots = [line for line in axis.lines if line.get_marker() == "o"]
    found = sorted(value for line in dots for value in line.get_xdata())
    assert found == sorted(record.metrics["negative_loss"]["kendall_tau"] for record in run.records)
    references = run.records[0].references
    for name, title in (("flops", "FLOPs"), ("live_flops", "live FLOPs")):
        [line] = [line for line in axis.lines if line.get_label().startswith(f"{title} ")]
        assert line.get_xdata()[0] == references[name]["kendall_tau"]
    assert any(line.get_label() == "noise ceiling 0.93" for line in axis.lines)
    low, high = axis.get_xlim()
    assert low < min(found)
    assert high > 0.93


def test_tau_within_and_with_flops_stand_beside_tau_in_its_order(fake):
    run = fake.make_run({"one-shot": 0.7, "single-edge": 0.3})
    axes = tau_by_strategy.draw(run, "accuracy").axes
    assert len(axes) == 3
    for axis, metric in zip(axes, ("kendall_tau", "tau_within_flops", "tau_with_flops"), strict=True):
        for height, name in enumerate(("one-shot", "single-edge")):
            value = run.of(name)[0].metrics["accuracy"][metric]
            assert any(list(line.get_xdata()) == [value] and line.get_ydata()[0] == height for line in axis.lines)
    lines = [[line.get_label() for line in axis.lines if line.get_linestyle() in ("--", ":")] for axis in axes[1:]]
    live = run.records[0].references["live_flops"]["kendall_tau"]
    assert lines == [[], [f"live FLOPs {live:.2f}"]]


def test_records_of_an_earlier_version_have_tau_alone(fake):
    record = fake.make_record()
    before = {key: {n: v for n, v in column.items() if n not in ADDED} for key, column in record.metrics.items()}
    assert len(tau_by_strategy.draw(Run(None, (fake.make_record(metrics=before),))).axes) == 1


def test_a_stand_in_ceiling_is_called_one_and_none_is_drawn_without_a_second_measurement(fake):
    record = fake.make_record()
    labels = {}
    for case, ceiling in (("none", None), ("stand-in", {"kendall_tau": 0.9, "proxy_for": "cifar10_test_200"})):
        changed = fake.make_record(truth=record.truth | {"noise_ceiling": ceiling})
        axis = tau_by_strategy.draw(Run(None, (changed,))).axes[0]
        labels[case] = [line.get_label() for line in axis.lines if "ceiling" in line.get_label()]
    assert labels == {"none": [], "stand-in": ["noise ceiling (stand-in) 0.90"]}


def test_the_curves_are_means_over_seeds_below_the_best(fake):
    run = fake.make_run({"one-shot": 0.7, "single-edge": 0.3}, 3)
    axis = top_k_curve.draw(run, "accuracy").axes[0]
    lines = {line.get_label(): line for line in axis.lines}
    expected = np.mean([record.top_k_curve["accuracy"]["accuracy"] for record in run.of("one-shot")], axis=0)
    np.testing.assert_allclose(lines["one-shot"].get_ydata(), expected)
    assert lines["one-shot"].get_xdata()[0] == 1
    best = run.records[0].truth["best"]
    assert lines[f"best of the table ({best:.2f})"].get_ydata()[0] == best
    references = run.records[0].references["flops"]["top_k_accuracy"]
    np.testing.assert_array_equal(lines["FLOPs"].get_ydata(), [references[k] for k in ("1", "10", "100")])
    assert axis.get_xscale() == "log"


@pytest.mark.parametrize("worst", [10.0, 60.0, 93.9])
def test_the_accuracy_axis_holds_bad_picks_and_still_tells_good_ones_apart(fake, worst):
    record = fake.make_record()
    curve = {"k": [1, 10, 100], "accuracy": [worst, 94.0, 94.3]}
    changed = fake.make_record(top_k_curve=dict.fromkeys(record.top_k_curve, curve))
    figure = top_k_curve.draw(Run(None, (changed,)))
    FigureCanvasAgg(figure).draw()
    axis = figure.axes[0]
    low, high = axis.get_ylim()
    assert low < worst
    assert high > record.truth["best"]
    heights = axis.transData.transform([(1, value) for value in (worst, 94.0, 94.3)])[:, 1] / axis.bbox.height
    assert heights[2] - heights[1] > 0.05
    assert heights[1] > heights[0]


def test_constant_scores_are_drawn_as_undefined(fake):
    record = fake.make_record()
    undefined = dict.fromkeys(("kendall_tau", "spearman", "pearson", "tau_in_true_top_10_percent"))
    column = record.metrics["negative_loss"] | undefined | {"intervals": {}}
    broken = fake.make_record("broken", metrics=record.metrics | {"negative_loss": column})
    figures = draw_run(Run(None, (broken, record)))
    assert "undefined" in figures["tau_by_strategy"].axes[0].texts[0].get_text()
    assert figures["rank_hexbin_broken"].axes[0].texts[0].get_text().startswith("τ = undefined")
    assert figures["rank_hexbin"].axes[0].get_title(loc="left") == "one-shot"


def test_an_unknown_signal_is_an_error(fake):
    with pytest.raises(DataError, match="'luck'"):
        draw_run(fake.make_run({"one-shot": 0.5}), "luck")


def test_the_look_of_a_strategy_depends_on_the_names_alone():
    names = ["zeta", "efs-group", "alpha", "one-shot-uniform"]
    marks = style.marks(names)
    assert marks == style.marks(reversed(names))
    assert marks["efs-group"] == style.marks(["efs-group"])["efs-group"]
    for count in (2, 12):
        many = style.marks([f"strategy-{number}" for number in range(count)])
        assert len({mark.colour for mark in many.values()}) == count
    every = style.marks([f"strategy-{number}" for number in range(30)])
    assert len(set(every.values())) == 30


def test_every_method_has_a_name_and_a_look_of_its_own():
    names = [*METHODS, "pad-nas-gpu"]
    marks = style.marks([*names, "mine", "theirs"])
    assert all(style.name_of(name) != name for name in names)
    assert len({style.name_of(name) for name in names}) == len(names)
    assert len(set(marks.values())) == len(marks)
    controls = {name for name, method in METHODS.items() if method.status == "control"}
    assert {name for name, mark in marks.items() if mark.colour == style.CONTROL_GREY} == controls
    families = {}  # by source: methods of one publication share a colour, others have their own
    for name in METHODS.keys() - controls:
        source = METHODS[name].source.partition(",")[0] if not name.startswith("one-shot") else "one-shot"
        families.setdefault(source, set()).add(marks[name].colour)
    assert all(len(colours) == 1 for colours in families.values()), families
    assert len({colour for colours in families.values() for colour in colours}) == len(families)
    own = {marks["mine"].colour, marks["theirs"].colour}
    assert len(own) == 2
    assert not own & {marks[name].colour for name in names}
    assert style.name_of("mine") == "mine"


def test_files_are_the_same_each_time_and_carry_no_date(fake, tmp_path):
    record = fake.make_record()

    def save(folder):
        figures = {"hexagons": rank_hexbin.draw_unit(record), "tau": tau_by_strategy.draw(Run(None, (record,)))}
        return save_figures(figures, folder)

    paths, again = save(tmp_path / "first"), save(tmp_path / "again")
    assert sorted(path.name for path in paths) == sorted(path.name for path in (tmp_path / "first").iterdir())
    assert {path.suffix for path in paths} == {".png", ".pdf"}
    for one, other in zip(paths, again, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name
    for path in paths:
        assert b"CreationDate" not in path.read_bytes()


def test_pdf_text_is_embedded_as_truetype_and_png_is_200_dpi(fake):
    stream = {kind: io.BytesIO() for kind in ("pdf", "png")}
    with style.paper_style():
        figure = tau_by_strategy.draw(fake.make_run({"one-shot": 0.7}))
        for kind, file in stream.items():
            figure.savefig(file, format=kind)
    assert b"/Type3" not in stream["pdf"].getvalue()
    assert b"/CIDFontType2" in stream["pdf"].getvalue()
    width = int.from_bytes(stream["png"].getvalue()[16:20], "big")
    assert width == round(style.DOUBLE_COLUMN * 200)


def test_the_style_is_undone(fake):
    before = dict(mpl.rcParams)
    draw_run(fake.make_run({"one-shot": 0.7}))
    assert dict(mpl.rcParams) == before


def test_a_folder_that_cannot_be_written_is_an_error(fake, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageError, match="cannot write"):
        save_figures({"tau": tau_by_strategy.draw(fake.make_run({"one-shot": 0.7}))}, tmp_path / "file" / "plots")


@pytest.mark.slow
def test_drawing_a_stored_run_loads_neither_torch_nor_polars_nor_pyplot(fake, tmp_path):
    record = fake.make_record()
    write_record(tmp_path / "run", record, fake.make_scores(record))
    program = (
        "import sys; from pathlib import Path; from nasbench_harness.records import read_run; "
        "from nasbench_harness.figures import draw_run, save_figures; "
        "save_figures(draw_run(read_run(Path(sys.argv[1]))), Path(sys.argv[2])); "
        "print([m for m in ('torch', 'polars', 'matplotlib.pyplot') if m in sys.modules])"
    )
    arguments = [sys.executable, "-c", program, str(tmp_path / "run"), str(tmp_path / "plots")]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert (tmp_path / "plots" / "top_k_curve.pdf").stat().st_size > 1000
