"""The figure of leaves: drawn from the numbers of a record, complete, and legible however many leaves there are."""

from __future__ import annotations

import itertools
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axis import Tick
from matplotlib.backends.backend_agg import FigureCanvasAgg

from nasbench_harness.errors import DataError
from nasbench_harness.figures import draw_run, leaf_panels, style
from nasbench_harness.metrics.leaves import analyse_leaves
from nasbench_harness.records import Record, Run


def with_leaves(fake, strategy: str, count: int, seed: int = 0) -> Record:
    """A record whose strategy has that many leaves, each with an offset of its own."""
    rng = np.random.default_rng([count, seed])
    truth = fake.truth_of()
    leaf = rng.integers(0, count, len(truth))
    score = fake.scores_of(truth, 0.3, seed) + 0.4 * rng.normal(size=count)[leaf]
    names = [f"edge 3 is operation {number} of a long name" for number in range(count)]
    analysis = analyse_leaves(score, truth, leaf, names)
    stored = {"leaves": dict.fromkeys(fake.SIGNALS, analysis), "ranked": None, "strategy": {}}
    return fake.make_record(strategy, seed, analysis=stored)


def run_of(*records: Record) -> Run:
    return Run(Path("fake"), tuple(sorted(records, key=lambda record: (record.strategy, record.seed))))


def texts_of(figure):
    """Every visible text with its box in pixels."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    axes = [axis for each in figure.axes for axis in (each.xaxis, each.yaxis)]
    drawn = {id(label) for axis in axes for tick in axis._update_ticks() for label in (tick.label1, tick.label2)}
    ticks = {id(label) for tick in figure.findobj(Tick) for label in (tick.label1, tick.label2)}
    return [
        (text.get_text(), text.get_window_extent(canvas.get_renderer()))
        for text in figure.findobj(mpl.text.Text)
        if text.get_visible() and text.get_text().strip() and (id(text) in drawn or id(text) not in ticks)
    ]


def test_no_partition_no_figure(fake):
    run = run_of(with_leaves(fake, "one-shot", 1))
    assert leaf_panels.draw(run) is None
    assert "leaf_panels" not in draw_run(run)
    assert "leaf_panels" in draw_run(run_of(with_leaves(fake, "single-edge", 5)))


def test_the_bars_are_the_taus_of_the_record(fake):
    record = with_leaves(fake, "single-edge", 5)
    with style.paper_style():
        figure = leaf_panels.draw(run_of(record, with_leaves(fake, "one-shot", 1)))
    assert figure is not None
    taus, offsets = figure.axes  # one-shot has no row
    analysis = record.analysis["leaves"]["negative_loss"]
    rows = sorted(analysis["leaves"], key=lambda row: row["kendall_tau"])
    np.testing.assert_allclose([bar.get_width() for bar in taus.patches], [row["kendall_tau"] for row in rows])
    np.testing.assert_allclose([bar.get_width() for bar in offsets.patches], [100 * r["rank_offset"] for r in rows])
    lines = {line.get_label(): line.get_xdata()[0] for line in taus.lines if not line.get_label().startswith("_")}
    assert lines == {
        "all architectures": analysis["kendall_tau"],
        "mean within leaves": analysis["kendall_tau_within"],
        "between leaf means": analysis["kendall_tau_of_means"],
    }


def test_a_signal_without_analysis_is_told(fake):
    with pytest.raises(DataError, match="no leaf analysis of 'flops'; at hand: accuracy, negative_loss"):
        leaf_panels.analysis_of(with_leaves(fake, "single-edge", 3), "flops")


def test_a_leaf_without_a_tau_is_marked(fake):
    record = with_leaves(fake, "single-edge", 3)
    record.analysis["leaves"]["negative_loss"]["leaves"][1]["kendall_tau"] = None
    figure = leaf_panels.draw(run_of(record))
    assert any(text.endswith("(undefined)") for text, _ in texts_of(figure))


@pytest.mark.parametrize("counts", [(5,), (2, 3, 5, 8), (25, 5, 125), (5,) * 12])
def test_nothing_overlaps_or_is_cut(fake, counts):
    records = [with_leaves(fake, f"strategy-{i:02}", n) for i, n in enumerate(counts)]
    with style.paper_style():
        figure = leaf_panels.draw(run_of(*records))
        boxes = texts_of(figure)
    assert figure.get_figheight() < 9
    for text, box in boxes:
        assert box.x0 >= -0.5, text
        assert box.y0 >= -0.5, text
        assert box.x1 <= figure.bbox.x1 + 0.5, text
        assert box.y1 <= figure.bbox.y1 + 0.5, text
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        assert not (min(a.x1, b.x1) - max(a.x0, b.x0) > 1 and min(a.y1, b.y1) - max(a.y0, b.y0) > 1), (one, other)
