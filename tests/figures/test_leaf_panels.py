"""The figure of leaves: drawn from the numbers of a record, complete, and legible however many leaves there are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nasbench_harness.errors import DataError
from nasbench_harness.figures import draw_run, leaf_names, leaf_panels
from nasbench_harness.metrics.leaves import analyse_leaves
from nasbench_harness.records import Record, Run
from nasbench_harness.space import EDGES


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


def test_no_partition_no_figure(fake):
    run = run_of(with_leaves(fake, "one-shot", 1))
    assert draw_run(run).skipped["leaf_panels"] == "no strategy here divides the space"
    assert "leaf_panels" in draw_run(run_of(with_leaves(fake, "single-edge", 5))).drawn


def test_the_bars_are_the_taus_of_the_record(fake, sheet_of):
    record = with_leaves(fake, "single-edge", 5)
    taus, offsets = leaf_panels.draw(
        sheet_of(run_of(record, with_leaves(fake, "one-shot", 1)))
    ).figure.axes  # one-shot has no row
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


def test_a_leaf_without_a_tau_is_marked(fake, sheet_of):
    record = with_leaves(fake, "single-edge", 3)
    record.analysis["leaves"]["negative_loss"]["leaves"][1]["kendall_tau"] = None
    figure = leaf_panels.draw(sheet_of(run_of(record))).figure
    assert any(label.get_text().endswith(", undefined") for label in figure.axes[0].get_yticklabels())


@pytest.mark.parametrize("counts", [(5,), (2, 3, 5, 8), (25, 5, 125), (5,) * 12])
def test_nothing_overlaps_or_is_cut(fake, faults_of, counts):
    records = [with_leaves(fake, f"strategy-{i:02}", n) for i, n in enumerate(counts)]
    figure = draw_run(run_of(*records), only=["leaf_panels"]).drawn["leaf_panels"].figure
    assert figure.get_figheight() < 9
    assert faults_of(figure) == []


def test_names_of_leaves_are_read_and_shortened():
    name = "edge 0 = none|nor_conv_1x1 > edge 3 = skip_connect|nor_conv_3x3|avg_pool_3x3"
    conditions = ((0, ("none", "nor_conv_1x1")), (3, ("skip_connect", "nor_conv_3x3", "avg_pool_3x3")))
    assert leaf_names.conditions_of(name) == conditions
    assert leaf_names.conditions_of(name.replace(" > ", ", ")) == conditions
    assert leaf_names.short(name) == "0→1: n1, 0→3: s3p"
    for other in ("full", "nonlinearities 0-1", "edge 9 = none", "edge 0 = luck", ""):
        assert leaf_names.conditions_of(other) is None
        assert leaf_names.short(other) == other
    assert len(leaf_names.short("a" * 90)) == 24
    assert [f"{start}→{end}" for start, end in EDGES] == list(leaf_names.EDGES)
