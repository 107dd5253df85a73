"""Top-k quality against lists sorted by hand; ties never look at the truth."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.metrics import (
    best_rank_at,
    precision_at,
    precision_at_worst,
    regret_at,
    tau_in_predicted_top,
    tau_in_true_top,
    top_k_accuracy,
    top_k_curve,
    worst_rank_at,
)

Columns = tuple[list[float], list[float]]
values = st.integers(0, 8).map(float)
columns = st.integers(2, 30).flatmap(
    lambda n: st.tuples(st.lists(values, min_size=n, max_size=n), st.lists(values, min_size=n, max_size=n))
)


def best_first(column: list[float]) -> list[int]:
    return sorted(range(len(column)), key=lambda row: (-column[row], row))


@given(columns, st.integers(1, 40))
def test_the_k_best_scores_against_sorted_lists(pair: Columns, k: int) -> None:
    score, truth = pair
    chosen, true_order = best_first(score)[:k], best_first(truth)
    assert best_rank_at(score, truth, k) == min(true_order.index(row) for row in chosen) + 1
    assert worst_rank_at(score, truth, k) == max(true_order.index(row) for row in chosen) + 1
    assert top_k_accuracy(score, truth, k) == max(truth[row] for row in chosen)
    assert regret_at(score, truth, k) == max(truth) - max(truth[row] for row in chosen)


@given(columns, st.sampled_from([0.01, 0.05, 0.1, 0.29, 0.5, 1.0]))
def test_precision_against_sets(pair: Columns, fraction: float) -> None:
    score, truth = pair
    k = max(1, int(round(fraction * 100) * len(score) // 100))
    common = set(best_first(score)[:k]) & set(best_first(truth)[:k])
    assert precision_at(score, truth, fraction) == len(common) / k


def test_precision_floors_the_size_of_the_top_without_rounding_faults() -> None:
    rows = list(range(100))
    score = [float(row) for row in rows]
    score[71] = -1.0  # of the top 29, so 28 of 29 are left
    assert precision_at(score, rows, 0.29) == 28 / 29


def test_equal_scores_are_taken_in_row_order_whatever_the_truth() -> None:
    score = [5.0, 5.0, 5.0, 1.0]
    assert top_k_accuracy(score, [1.0, 9.0, 2.0, 3.0], 1) == 1.0
    assert top_k_accuracy(score, [9.0, 1.0, 2.0, 3.0], 1) == 9.0
    assert best_rank_at(score, [1.0, 9.0, 2.0, 3.0], 1) == 4


@given(columns)
def test_a_perfect_score_has_no_regret_and_a_larger_k_never_loses(pair: Columns) -> None:
    score, truth = pair
    assert regret_at(truth, truth, 1) == 0
    assert best_rank_at(truth, truth, 1) == 1
    assert precision_at(truth, truth, 0.1) == 1
    curve = top_k_curve(score, truth, range(1, len(score) + 1))
    assert curve["accuracy"] == sorted(curve["accuracy"])
    assert curve["accuracy"][-1] == max(truth)


@given(columns)
def test_the_curve_is_top_k_accuracy_at_every_k_that_exists(pair: Columns) -> None:
    score, truth = pair
    curve = top_k_curve(score, truth, [1, 2, 5, 29, 1000])
    assert curve["k"] == [k for k in (1, 2, 5, 29, 1000) if k <= len(score)]
    assert curve["accuracy"] == [top_k_accuracy(score, truth, int(k)) for k in curve["k"]]


@pytest.mark.parametrize("measure", [best_rank_at, top_k_accuracy, regret_at])
@pytest.mark.parametrize("k", [0, -3])
def test_k_counts_from_one(measure: Callable[..., float], k: int) -> None:
    with pytest.raises(UsageError, match="at least 1"):
        measure([1, 2], [1, 2], k)
    with pytest.raises(UsageError, match="at least 1"):
        top_k_curve([1, 2], [1, 2], [1, k])


@pytest.mark.parametrize("measure", [best_rank_at, top_k_accuracy, regret_at, precision_at])
def test_bad_rows_are_refused(measure: Callable[..., float]) -> None:
    with pytest.raises(DataError, match="score is nan in row 1"):
        measure([1, float("nan"), 2], [1, 2, 3], 1)


@given(columns, st.sampled_from([0.01, 0.1, 0.29, 0.5, 1.0]))
def test_precision_among_the_worst_lets_every_tie_at_the_border_count(pair: Columns, fraction: float) -> None:
    score, truth = pair
    k = max(1, int(round(fraction * 100) * len(score) // 100))
    worst = sorted(range(len(score)), key=lambda row: (score[row], row))[:k]
    border = sorted(truth)[k - 1]
    assert precision_at_worst(score, truth, fraction) == sum(truth[row] <= border for row in worst) / k


def test_the_predicted_top_is_chosen_by_score_and_the_true_one_by_truth() -> None:
    truth = [float(row) for row in range(20)]
    score = [*truth[:17], 18.0, 17.0, -1.0]  # the truly best is scored lowest
    assert tau_in_true_top(score, truth, 0.15) == -1.0  # rows 17, 18, 19
    assert tau_in_predicted_top(score, truth, 0.15) == pytest.approx(1 / 3)  # rows 17, 18, 16
