"""The numbers in the figures of a run, against known answers and slow references."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kendalltau

from nasbench_harness.errors import DataError
from nasbench_harness.figures import (
    fusion,
    improvement,
    partition,
    rank_error,
    seed_agreement,
    style,
    tau_against_cost,
    three_truths,
)
from nasbench_harness.figures.caption import CannotDrawError
from nasbench_harness.figures.leaf_names import conditions_of
from nasbench_harness.figures.split_tree import Split, split_tree
from nasbench_harness.records import Run
from nasbench_harness.records.schema import ADDED
from nasbench_harness.space import code_to_index, live_cells

NOISES = {"one-shot-uniform": 0.7, "gm-nas": 0.3}


@pytest.fixture(scope="module")
def sheet(fake, sheet_of):
    return sheet_of(fake.make_run(NOISES, 2))


def draw(module, sheet):
    with style.paper_style(sheet.page):
        return module.draw(sheet).figure


def test_fusion_joins_tau_alone_to_tau_with_the_count(sheet):
    _, right = draw(fusion, sheet).axes
    crosses = [line.get_xdata()[0] for line in right.lines if line.get_marker() == "x"]
    bars = [line.get_xdata()[0] for line in right.lines if line.get_marker() == "|"]
    for found, metric in ((crosses, "kendall_tau"), (bars, "tau_with_flops")):
        of_seeds = [[r.metrics["negative_loss"][metric] for r in sheet.run.of(name)] for name in sheet.ranked()]
        np.testing.assert_allclose(found, np.mean(of_seeds, axis=1))


def test_records_of_an_earlier_version_have_neither_fusion_nor_rank_errors(fake, sheet_of):
    record = fake.make_record()
    before = {key: {n: v for n, v in column.items() if n not in ADDED} for key, column in record.metrics.items()}
    old = sheet_of(Run(Path("fake"), (fake.make_record(metrics=before),)))
    for module in (fusion, rank_error):
        with pytest.raises(CannotDrawError, match=r"of an earlier version .* give --policy cifar10_test_200"):
            draw(module, old)


def test_rank_errors_are_means_over_seeds_in_per_cent(sheet):
    axis = draw(rank_error, sheet).axes[0]
    lines = {line.get_label(): line.get_ydata() for line in axis.lines}
    rows = [r.metrics["negative_loss"]["breakdown"]["rank_error"]["convolutions"] for r in sheet.run.of("gm-nas")]
    np.testing.assert_allclose(
        lines["GM-NAS"], 100 * np.mean([[row["error"] for row in each] for each in rows], axis=0)
    )


def test_cost_is_training_and_scoring_and_the_line_joins_what_nothing_beats_in_less_time(sheet):
    axis = draw(tau_against_cost, sheet).axes[0]
    marks = {tuple(line.get_xdata()): line.get_ydata()[0] for line in axis.lines if line.get_marker() in ("o", "s")}
    assert set(marks) == {(240.5 / 60,)}  # 200 and 201 seconds of training, 40 of scoring
    [front] = [line for line in axis.lines if line.get_label() == "best so far"]
    assert front.get_ydata()[-1] == pytest.approx(max(np.mean(s.values) for s in estimates(sheet)))


def estimates(sheet):
    from nasbench_harness.records.summary import estimate

    return [estimate(sheet.run.of(name), "kendall_tau") for name in sheet.run.strategies]


def test_the_columns_of_the_other_image_sets():
    beside = {
        "CIFAR-10": "cifar10_test_200",
        "CIFAR-100": "cifar100_test_200",
        "ImageNet16-120": "imagenet16_120_test_200",
    }
    assert three_truths.policies_beside("cifar100_test_200") == beside
    assert three_truths.policies_beside("digits_test_5") == {}


def test_three_truths_are_taus_of_the_same_scores(fake, sheet_of, sheet):
    def truth_of(policy):
        if policy.startswith("imagenet"):
            raise DataError("no such column")
        return sheet.truth_of(policy) * (-1 if policy.startswith("cifar100_") else 1)

    axis = draw(three_truths, sheet_of(sheet.run, truth_of=truth_of)).axes[0]
    on_top = [line for line in axis.lines if line.get_marker() in ("o", "s") and list(line.get_ydata()) == [0]]
    taus = [kendalltau(sheet.score(r), sheet.truth(r)).statistic for r in sheet.run.of(sheet.ranked()[0])]
    shown = {line.get_marker(): line.get_xdata()[0] for line in on_top}
    assert shown == {"o": pytest.approx(np.mean(taus)), "s": pytest.approx(-np.mean(taus))}
    with pytest.raises(CannotDrawError, match="no truth beside cifar10_test_200, such as"):
        draw(
            three_truths, sheet_of(sheet.run, truth_of=lambda policy: truth_of(policy.replace("cifar100", "imagenet")))
        )


def test_agreement_is_tau_between_every_two_seeds(fake, sheet_of):
    sheet = sheet_of(fake.make_run({"gm-nas": 0.3}, 3))
    pairs = [kendalltau(sheet.score(a), sheet.score(b)).statistic for a, b in combinations(sheet.run.records, 2)]
    np.testing.assert_allclose(seed_agreement.agreement(sheet, "gm-nas"), pairs)
    one = sheet_of(fake.make_run({"gm-nas": 0.3}))
    for module in (seed_agreement, improvement):
        with pytest.raises(CannotDrawError, match="two seeds"):
            draw(module, one)


def test_probability_of_improvement_counts_pairs_and_halves_ties(sheet):
    assert improvement.probability(np.array([1.0, 2.0]), np.array([0.0, 2.0, 3.0])) == pytest.approx((1 + 1 + 0.5) / 6)
    image = draw(improvement, sheet).axes[0].images[0].get_array()
    assert np.isnan(np.ma.filled(image, np.nan)[[0, 1], [0, 1]]).all()
    assert image[0, 1] + image[1, 0] == 100
    assert image[0, 1] > 50  # best first


def test_shares_are_those_of_the_live_cells_of_a_leaf():
    cells = live_cells()
    index_A = cells[[5, 900, 4000]]
    share = partition.shares(index_A, np.array([0, 0, 2]), 3)
    assert np.isnan(share[1]).all()
    np.testing.assert_allclose(share[[0, 2]].sum(axis=2), 1)
    assert set(np.unique(share[2])) == {0, 1}
    dead = int(code_to_index([3, 0, 0, 0, 0, 0]))  # a convolution that leads nowhere: scored as another cell
    assert np.isnan(partition.shares(np.array([dead]), np.array([0]), 1)).all()


def test_the_tree_is_that_of_the_names():
    names = ["edge 0 = none > edge 3 = none", "edge 0 = skip_connect", "edge 0 = none > edge 3 = nor_conv_1x1"]
    tree = split_tree([conditions_of(name) for name in names])
    assert tree.order == [0, 2, 1]
    assert tree.root == Split(0, (Split(3, (0, 1)), 2))
    assert tree.root.depth == 2
    assert split_tree([conditions_of(name) for name in ("edge 0 = none", "edge 1 = none")]) is None
    assert split_tree([conditions_of(name) for name in ("edge 0 = none", "edge 0 = none > edge 1 = none")]) is None
