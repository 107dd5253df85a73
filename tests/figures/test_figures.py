"""Figures: right content, nothing overlapping or cut, same bytes each time."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.experiment.methods import METHODS
from nasbench_harness.figures import FIGURES, draw_run, save_figures, style, tau_by_strategy, top_k_curve
from nasbench_harness.figures.caption import Drawn
from nasbench_harness.figures.page import page_of
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
CASES = {"two strategies, 3 seeds": (2, 3), "twelve, 1 seed": (12, 1)}


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES)
def run(fake, request):
    strategies, seeds = request.param
    return fake.make_run(dict(itertools.islice(TWELVE.items(), strategies)), seeds)


def test_the_helper_sees_small_overlapping_and_cut_text(faults_of):
    figure = Figure((2, 2))
    figure.text(0.5, 0.5, "one")
    figure.text(0.52, 0.5, "other")
    figure.text(0.9, 0.2, "far beyond the edge")
    figure.text(0.1, 0.9, "tiny", fontsize=4)
    assert faults_of(figure) == ["'far beyond the edge' is cut", "'tiny' has 4 points", "'one' overlaps 'other'"]


@pytest.fixture(scope="module")
def five(fake):
    return fake.make_run(FIVE)


@pytest.mark.slow
@pytest.mark.parametrize("width", ["icml", "lncs", "3.4"])
def test_all_text_is_legible_at_the_size_of_print(five, faults_of, width):
    page = page_of(width)
    gallery = draw_run(five, width=width)
    for name, drawn in gallery.drawn.items():
        assert faults_of(drawn.figure) == [], name
        assert drawn.figure.get_figwidth() in (page.column, page.text), name
        assert drawn.figure.get_figheight() < 9, name


def test_no_text_overlaps_another_or_is_cut(run, faults_of):
    for name, drawn in draw_run(run).drawn.items():
        assert faults_of(drawn.figure) == [], name
        assert drawn.figure.get_figheight() < 9, name


def test_what_cannot_be_drawn_is_named_and_the_others_are_drawn(fake):
    gallery = draw_run(fake.make_run({"one-shot": 0.7}))
    assert set(gallery.drawn) | set(gallery.skipped) == set(FIGURES)
    assert {"tau_by_strategy", "top_k_curve"} <= set(gallery.drawn)
    assert gallery.skipped["tau_along_training"] == "no record has a trajectory by this truth; set scoring.trajectory"
    with pytest.raises(DataError, match="no figure can be drawn: tau_along_training: no record has"):
        draw_run(fake.make_run({"one-shot": 0.7}), only=["tau_along_training"])


def test_unknown_names_are_refused_with_those_there_are(fake):
    run = fake.make_run({"one-shot": 0.7, "single-edge": 0.3})
    with pytest.raises(UsageError, match="no figure 'pie'; there are: tau_by_strategy,"):
        draw_run(run, only=["pie"])
    for option in ("strategies", "highlight"):
        with pytest.raises(UsageError, match="no strategy 'two-shot' in fake; there are: one-shot, single-edge"):
            draw_run(run, **{option: ["two-shot"]})


def test_strategies_are_drawn_alone_and_highlights_stand_out(fake):
    run = fake.make_run(FIVE)
    alone = draw_run(run, strategies=["efs-group", "single-edge"], only=["tau_by_strategy"]).drawn["tau_by_strategy"]
    labels = [label.get_text() for label in alone.figure.axes[0].get_yticklabels()]
    assert labels == ["EFS-NAS, groups", "few-shot, 1 edge"]
    drawn = draw_run(run, highlight=["random-partition"], only=["tau_by_strategy", "top_k_curve"]).drawn
    bold = [
        label.get_text()
        for label in drawn["tau_by_strategy"].figure.axes[0].get_yticklabels()
        if label.get_fontweight() == "bold"
    ]
    assert bold == ["random partition"]
    legend = [text.get_text() for text in drawn["top_k_curve"].figure.legends[0].get_texts()]
    assert legend[0] == "random partition"
    assert legend[-1] == "4 others"
    assert "In colour: chosen by name" in drawn["top_k_curve"].caption


def test_tau_shows_each_seed_the_mean_and_the_references(fake, sheet_of):
    run = fake.make_run({"one-shot": 0.7, "single-edge": 0.3}, 3)
    axis, within, along, top = tau_by_strategy.draw(sheet_of(run)).figure.axes
    assert [label.get_text() for label in axis.get_yticklabels()] == ["few-shot, 1 edge", "one-shot"]  # 0 is on top
    assert axis.get_ylim()[0] > axis.get_ylim()[1]
    dots = [line for line in axis.lines if line.get_marker() == "o"]
    found = sorted(value for line in dots for value in line.get_xdata())
    assert found == sorted(record.metrics["negative_loss"]["kendall_tau"] for record in run.records)
    for panel, metric in (
        (within, "tau_within_flops"), (along, "tau_with_flops"), (top, "tau_in_true_top_10_percent")
    ):  # fmt: skip
        seeds = sorted(value for line in panel.lines if line.get_marker() == "o" for value in line.get_xdata())
        assert seeds == sorted(record.metrics["negative_loss"][metric] for record in run.records)
    references = run.records[0].references
    for name, title in (("flops", "FLOPs"), ("live_flops", "live FLOPs")):
        [line] = [line for line in axis.lines if line.get_label().startswith(f"{title} ")]
        assert line.get_xdata()[0] == references[name]["kendall_tau"]
    assert any(line.get_label() == "noise ceiling 0.93" for line in axis.lines)
    low, high = axis.get_xlim()
    assert low < min(found)
    assert high > 0.93


def test_records_of_an_earlier_version_have_no_panels_beyond_the_count(fake, sheet_of):
    record = fake.make_record()
    before = {key: {n: v for n, v in column.items() if n not in ADDED} for key, column in record.metrics.items()}
    old = tau_by_strategy.draw(sheet_of(Run(Path("fake"), (fake.make_record("old", metrics=before), record))))
    new = tau_by_strategy.draw(sheet_of(Run(Path("fake"), (record,))))
    assert [len(one.figure.axes) for one in (old, new)] == [2, 4]
    assert "equal live FLOPs" in new.caption
    assert "equal live FLOPs" not in old.caption
    count = style.number(record.references["live_flops"]["tau_with_flops"])
    assert f"live FLOPs {count}; τ, true top" in new.caption


def test_captions_say_what_is_left_beyond_the_count(fake):
    caption = draw_run(fake.make_run(FIVE), only=["tau_against_cost"]).drawn["tau_against_cost"].caption
    [told] = [sentence for sentence in caption.split(" τ ") if "equal live FLOPs" in sentence]
    column = fake.make_record("efs-group", noise=FIVE["efs-group"]).metrics["negative_loss"]
    (low, high), within = column["intervals"]["tau_within_flops"], column["tau_within_flops"]
    assert f"EFS-NAS, groups ({within:.2f} [{low:.2f}, {high:.2f}] and {column['tau_with_flops']:.2f} [" in told
    assert told.count("; ") == 2
    assert Drawn(Figure(), "τ \N{MINUS SIGN}0.09.").tex == "$\\tau$ $-$0.09.\n"
    record = fake.make_record()
    before = {key: {n: v for n, v in column.items() if n not in ADDED} for key, column in record.metrics.items()}
    old = Run(Path("fake"), (fake.make_record(metrics=before),))
    assert "equal live FLOPs" not in draw_run(old, only=["tau_against_cost"]).drawn["tau_against_cost"].caption


def test_a_stand_in_ceiling_is_called_one_and_none_is_drawn_without_a_second_measurement(fake, sheet_of):
    record = fake.make_record()
    labels = {}
    for case, ceiling in (("none", None), ("stand-in", {"kendall_tau": 0.9, "proxy_for": "cifar10_test_200"})):
        changed = fake.make_record(truth=record.truth | {"noise_ceiling": ceiling})
        axis = tau_by_strategy.draw(sheet_of(Run(Path("fake"), (changed,)))).figure.axes[0]
        labels[case] = [line.get_label() for line in axis.lines if "ceiling" in line.get_label()]
    assert labels == {"none": [], "stand-in": ["noise ceiling (stand-in) 0.90"]}


def test_the_curves_are_means_over_seeds_below_the_best(fake, sheet_of):
    run = fake.make_run({"one-shot": 0.7, "single-edge": 0.3}, 3)
    axis = top_k_curve.draw(sheet_of(run, signal="accuracy")).figure.axes[0]
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
def test_the_accuracy_axis_holds_bad_picks_and_still_tells_good_ones_apart(fake, sheet_of, worst):
    record = fake.make_record()
    curve = {"k": [1, 10, 100], "accuracy": [worst, 94.0, 94.3]}
    changed = fake.make_record(top_k_curve=dict.fromkeys(record.top_k_curve, curve))
    figure = top_k_curve.draw(sheet_of(Run(Path("fake"), (changed,)))).figure
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
    axis = draw_run(Run(Path("fake"), (broken, record))).drawn["tau_by_strategy"].figure.axes[0]
    assert "undefined" in axis.texts[0].get_text()
    assert [label.get_text() for label in axis.get_yticklabels()] == ["one-shot", "broken"]


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
        run = Run(Path("fake"), (record,))
        return save_figures(draw_run(run, only=["tau_by_strategy", "rank_error"]).drawn, folder)

    paths, again = save(tmp_path / "first"), save(tmp_path / "again")
    assert sorted(path.name for path in paths) == sorted(path.name for path in (tmp_path / "first").iterdir())
    assert {path.suffix for path in paths} == {".png", ".pdf", ".tex"}
    for one, other in zip(paths, again, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name
    for path in paths:
        assert b"CreationDate" not in path.read_bytes()


@pytest.mark.parametrize("width", ["neurips", "5.5"])
def test_pdf_text_is_embedded_as_truetype_and_png_is_200_dpi(fake, tmp_path, width):
    drawn = draw_run(fake.make_run({"one-shot": 0.7}), width=width, only=["tau_by_strategy"]).drawn
    png, pdf, _ = (path.read_bytes() for path in save_figures(drawn, tmp_path))
    assert b"/Type3" not in pdf
    assert b"/CIDFontType2" in pdf
    assert (b"STIXGeneral" if width == "neurips" else b"DejaVuSans") in pdf
    assert int.from_bytes(png[16:20], "big") == 1100  # 5.5 inches


def test_the_style_is_undone(fake):
    before = dict(mpl.rcParams)
    draw_run(fake.make_run({"one-shot": 0.7}))
    assert dict(mpl.rcParams) == before


def test_a_folder_that_cannot_be_written_is_an_error(fake, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageError, match="cannot write"):
        save_figures(draw_run(fake.make_run({"one-shot": 0.7}), only=["fusion"]).drawn, tmp_path / "file" / "plots")


@pytest.mark.slow
def test_drawing_a_stored_run_loads_neither_torch_nor_pyplot(fake, tmp_path):
    record = fake.make_record()
    write_record(tmp_path / "run", record, fake.make_scores(record))
    program = (
        "import sys; from pathlib import Path; from nasbench_harness.records import read_run; "
        "from nasbench_harness.figures import draw_run, save_figures; "
        "save_figures(draw_run(read_run(Path(sys.argv[1]))).drawn, Path(sys.argv[2])); "
        "print([m for m in ('torch', 'matplotlib.pyplot') if m in sys.modules])"
    )
    arguments = [sys.executable, "-c", program, str(tmp_path / "run"), str(tmp_path / "plots")]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert (tmp_path / "plots" / "top_k_curve.pdf").stat().st_size > 1000
