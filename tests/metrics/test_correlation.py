"""Correlations against counting all pairs, against scipy, and at their edges."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.metrics import kendall_tau, pearson, spearman, tau_in_true_top

few_values = st.integers(-3, 3).map(float)
numbers = st.one_of(few_values, st.floats(-1e6, 1e6))
columns = st.integers(2, 40).flatmap(
    lambda n: st.tuples(st.lists(numbers, min_size=n, max_size=n), st.lists(numbers, min_size=n, max_size=n))
)


def tau_by_pairs(score: list[float], truth: list[float]) -> float | None:
    """Tau-b from its definition, pair by pair."""
    balance = ordered_by_score = ordered_by_truth = 0
    for i, j in itertools.combinations(range(len(score)), 2):
        up = (score[i] > score[j]) - (score[i] < score[j])
        right = (truth[i] > truth[j]) - (truth[i] < truth[j])
        balance += up * right
        ordered_by_score += abs(up)
        ordered_by_truth += abs(right)
    if not (ordered_by_score and ordered_by_truth):
        return None
    return balance / math.sqrt(ordered_by_score * ordered_by_truth)


@given(columns)
def test_tau_counts_pairs(pair: tuple[list[float], list[float]]) -> None:
    expected = tau_by_pairs(*pair)
    assert kendall_tau(*pair) == (None if expected is None else pytest.approx(expected, abs=1e-12))


@given(columns)
def test_tau_and_rho_do_not_change_under_an_increasing_map_and_turn_with_the_sign(
    pair: tuple[list[float], list[float]],
) -> None:
    score, truth = pair
    for measure in (kendall_tau, spearman):
        value = measure(score, truth)
        stretched = [3 * x if x > 0 else x for x in score]
        if len(set(stretched)) == len(set(score)):  # rounding may join neighbours
            assert measure(stretched, truth) == (None if value is None else pytest.approx(value))
        turned = measure([-x for x in score], truth)
        assert turned == (None if value is None else pytest.approx(-value))


@given(columns)
def test_rho_and_r_agree_with_scipy(pair: tuple[list[float], list[float]]) -> None:
    import scipy.stats

    score, truth = pair
    if len(set(score)) == 1 or len(set(truth)) == 1:
        assert spearman(score, truth) is None
        assert pearson(score, truth) is None
        return
    assert spearman(score, truth) == pytest.approx(scipy.stats.spearmanr(score, truth).statistic, abs=1e-9)
    if min(np.ptp(score), np.ptp(truth)) > 1e-3:
        assert pearson(score, truth) == pytest.approx(scipy.stats.pearsonr(score, truth).statistic, abs=1e-5)


def test_many_rows_agree_with_scipy() -> None:
    import scipy.stats

    rng = np.random.default_rng(0)
    truth = rng.normal(size=3000).round(2)
    score = (truth + rng.normal(size=3000)).round(1)
    assert kendall_tau(score, truth) == pytest.approx(scipy.stats.kendalltau(score, truth).statistic, abs=1e-12)
    assert spearman(score, truth) == pytest.approx(scipy.stats.spearmanr(score, truth).statistic, abs=1e-12)
    assert pearson(score, truth) == pytest.approx(scipy.stats.pearsonr(score, truth).statistic, abs=1e-12)
    top = np.sort(np.argsort(-truth, kind="stable")[:300])
    expected = scipy.stats.kendalltau(score[top], truth[top]).statistic
    assert tau_in_true_top(score, truth, 0.1) == pytest.approx(expected, abs=1e-12)


def test_more_distinct_values_than_sixteen_bits_hold() -> None:
    score = np.arange(70_000.0)
    truth = score.copy()
    truth[[0, 69_999]] = truth[[69_999, 0]]
    pairs = 70_000 * 69_999 // 2
    wrong = 2 * 69_998 + 1
    assert kendall_tau(score, truth) == pytest.approx(1 - 2 * wrong / pairs, abs=1e-12)


def test_perfect_and_reversed_order() -> None:
    truth = [1.0, 2.0, 3.0, 4.0]
    for measure in (kendall_tau, spearman, pearson):
        assert measure(truth, truth) == pytest.approx(1.0)
        assert measure(truth[::-1], truth) == pytest.approx(-1.0)


@pytest.mark.parametrize("measure", [kendall_tau, spearman, pearson, tau_in_true_top])
def test_nothing_ordered_is_undefined(measure: object) -> None:
    assert callable(measure)
    varied, constant = list(range(40)), [0.1] * 40
    assert measure(constant, varied) is None
    assert measure(varied, constant) is None
    assert measure([0.0, -0.0] * 20, varied) is None


def test_top_of_fewer_than_two_rows_is_undefined() -> None:
    rows = list(range(19))
    assert tau_in_true_top(rows, rows, 0.1) is None
    assert tau_in_true_top([*rows, 19], [*rows, 19], 0.1) == pytest.approx(1.0)


def test_equal_truths_at_the_border_of_the_top_are_taken_in_row_order() -> None:
    truth = [1, 2, 2, 2, 3, 1, 1, 1, 1, 1]
    assert tau_in_true_top([0, 5, 5, 9, 8, 0, 0, 0, 0, 0], truth, 0.3) == pytest.approx(1.0)
    assert tau_in_true_top([0, 9, 9, 0, 8, 0, 0, 0, 0, 0], truth, 0.3) == pytest.approx(-1.0)


def test_huge_tiny_and_far_off_values_give_a_finite_r() -> None:
    assert pearson([-1e308, 0, 1e308], [1, 2, 3]) == pytest.approx(1.0)
    assert pearson([0, 5e-324, 1e-323], [1, 2, 3]) == pytest.approx(1.0)
    assert pearson([1e200, 2e200, 4e200], [1e-200, 2e-200, 4e-200]) == pytest.approx(1.0)
    assert pearson([1e15, 1e15 + 1, 1e15 + 2], [1, 2, 3]) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(
    ("score", "truth", "words"),
    [
        ([1, 2, math.nan, math.nan], [1, 2, 3, 4], r"score is nan in row 2 .*2 such row"),
        ([1, 2, 3, 4], [1, math.inf, 3, 4], "truth is inf in row 1"),
        ([1, None, 3], [1, 2, 3], "score is nan in row 1"),
        ([1, 2, 3], [1, 2], "score has 3 rows and truth has 2"),
        ([1], [1], "at least 2"),
        ([], [], "at least 2"),
        ([[1, 2], [3, 4]], [1, 2], r"shape \(2, 2\)"),
        (["a", "b"], [1, 2], "one number a row"),
    ],
)
@pytest.mark.parametrize("measure", [kendall_tau, spearman, pearson, tau_in_true_top])
def test_bad_columns_are_named(measure: object, score: object, truth: object, words: str) -> None:
    assert callable(measure)
    with pytest.raises(DataError, match=words) as caught:
        measure(score, truth)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("fraction", [0, -0.1, 1.1, math.nan])
def test_a_top_fraction_lies_between_zero_and_one(fraction: float) -> None:
    with pytest.raises(UsageError, match="fraction"):
        tau_in_true_top([1, 2], [1, 2], fraction)
