"""Counts of pairs for every row, against the matrix of all pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench_harness.errors import UsageError
from nasbench_harness.metrics import kendall_tau, pairwise_accuracy
from nasbench_harness.metrics.concordance import count_pairs, pair_signs
from nasbench_harness.metrics.pairs import Pair

rows = st.lists(st.tuples(st.integers(-4, 4), st.integers(-9, 9)), min_size=2, max_size=60)


@given(rows, st.sampled_from([0.0, 1.0, 2.5]))
def test_counts_are_the_row_sums_of_all_pairs(table: list[tuple[int, int]], margin: float) -> None:
    score, truth = (np.array(column, dtype=np.float64) for column in zip(*table, strict=True))
    pair = Pair.of(score, truth)
    found = count_pairs(pair, margin)
    difference = truth[:, None] - truth
    order = np.sign(difference) * (np.abs(difference) > margin)
    signs = pair_signs(pair.score_code_A)
    np.testing.assert_array_equal(signs, np.sign(score[:, None] - score))
    np.testing.assert_array_equal(found.balance_A, (signs * order).sum(axis=1))
    np.testing.assert_array_equal(found.by_score_A, np.abs(signs).sum(axis=1))
    np.testing.assert_array_equal(found.by_truth_A, np.abs(order).sum(axis=1))


def test_without_ties_pairwise_accuracy_is_tau_on_another_scale() -> None:
    score, truth = np.random.default_rng(0).normal(size=(2, 300))
    tau = kendall_tau(score, truth)
    assert tau is not None
    assert pairwise_accuracy(score, truth) == pytest.approx((1 + tau) / 2)


def test_only_pairs_above_the_margin_count_and_a_tie_is_a_coin() -> None:
    truth = [90.0, 90.5, 93.0]
    assert pairwise_accuracy([1.0, 0.0, 2.0], truth, margin=1) == 1.0  # the pair that is wrong differs by 0.5
    assert pairwise_accuracy([1.0, 0.0, 2.0], truth) == pytest.approx(2 / 3)
    assert pairwise_accuracy([2.0, 0.0, 2.0], truth, margin=1) == 0.75
    assert pairwise_accuracy([1.0, 0.0, 2.0], truth, margin=3) is None  # exactly 3 is not above 3
    with pytest.raises(UsageError, match=r"-0\.5"):
        pairwise_accuracy(truth, truth, margin=-0.5)
