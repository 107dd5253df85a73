"""Tau within groups of equal counts and with the count, against counting all pairs and against stored scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasbench_harness.errors import DataError
from nasbench_harness.metrics import TauWithin, kendall_tau, tau_with, tau_within

STUDY = Path(__file__).parents[2] / "results/cifar10-study/one-shot-balanced/seed-0"

rows = st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3), st.integers(0, 2)), min_size=2, max_size=40)


@settings(deadline=None)  # the first call imports scipy
@given(rows)
def test_within_is_the_mean_over_groups_weighted_by_pairs(table: list[tuple[int, int, int]]) -> None:
    score, truth, group = (np.array(column) for column in zip(*table, strict=True))
    total = pairs = groups = n = 0
    for number in set(group.tolist()):
        inside = group == number
        members = int(inside.sum())
        tau = kendall_tau(score[inside], truth[inside]) if members >= 4 else None
        if tau is not None:
            total += tau * members * (members - 1) / 2
            pairs, groups, n = pairs + members * (members - 1) / 2, groups + 1, n + members
    found = tau_within(score, truth, group, min_members=4)
    assert (found.groups, found.n) == (groups, n)
    assert found.tau == (pytest.approx(total / pairs, abs=1e-12) if pairs else None)


@settings(deadline=None)
@given(rows)
def test_with_a_count_is_the_tau_of_the_sum_of_mean_ranks(table: list[tuple[int, int, int]]) -> None:
    from scipy.stats import rankdata

    score, truth, count = (np.array(column) for column in zip(*table, strict=True))
    expected = kendall_tau(rankdata(score) + rankdata(count), truth) if len(set(score.tolist())) > 1 else None
    found = tau_with(score, truth, count)
    assert found == (None if expected is None else pytest.approx(expected, abs=1e-12))


def test_a_group_orders_by_itself_whatever_the_others_are() -> None:
    truth = np.arange(60.0)
    group = np.repeat([7.5, 1.0], 30)
    score = np.where(group == 1.0, truth, truth - 1000)
    assert tau_within(score, truth, group) == TauWithin(1.0, 2, 60)
    assert tau_within(np.where(group == 1.0, -truth, truth), truth, group).tau == pytest.approx(0.0)


def test_what_orders_nothing_within_groups_has_no_tau_there() -> None:
    truth, count = np.arange(90.0), np.repeat([3.0, 1.0, 2.0], 30)
    assert tau_within(count, truth, count) == TauWithin(None, 0, 0)
    assert tau_with(count, truth, count) == pytest.approx(kendall_tau(count, truth))
    assert tau_with(np.zeros(90), truth, count) is None
    half = np.where(count == 3.0, 0.0, truth)  # constant in one group: that group is left out
    assert tau_within(half, truth, count) == TauWithin(1.0, 2, 60)
    assert tau_within(truth[:20], truth[:20], np.zeros(20)) == TauWithin(None, 0, 0)  # of 20: too small
    assert tau_within(truth[:21], truth[:21], np.zeros(21)) == TauWithin(1.0, 1, 21)


@pytest.mark.parametrize("measure", [tau_within, tau_with])
def test_groups_and_counts_stand_beside_each_score(measure) -> None:
    with pytest.raises(DataError, match=r"has 2 rows and score has 3"):
        measure([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [1.0, 2.0])
    with pytest.raises(DataError, match=r"row 1"):
        measure([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [1.0, np.nan, 2.0])


def test_a_supernet_at_literature_depth(shared_data: Path) -> None:
    """Values that were found by other code, from the same scores, live multiply-adds and CIFAR-10 test accuracies."""
    from nasbench_harness.records import read_scores
    from nasbench_harness.space import flops
    from nasbench_harness.truth import open_table, truth_of

    truth = truth_of(open_table(shared_data / "nas-bench-201/accuracy.csv"), "cifar10_test_200")
    count = flops(live=True)[truth.index_A]
    for signal, within, fused in (("accuracy", 0.649, 0.798), ("negative_loss", 0.662, 0.810)):
        score = read_scores(STUDY).scores[signal][truth.index_A]
        found = tau_within(score, truth.accuracy_A, count)
        assert found == TauWithin(pytest.approx(within, abs=0.0005), 19, 15_529)
        assert tau_with(score, truth.accuracy_A, count) == pytest.approx(fused, abs=0.0005)
