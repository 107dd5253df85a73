"""Where a ranking is right: tau by band of the truth, signed rank errors by count."""

from __future__ import annotations

import numpy as np
import pytest

from nasbench_harness.errors import DataError
from nasbench_harness.metrics import breakdown, kendall_tau, rank_bias


def test_bands_run_from_the_truly_best_to_the_worst_and_hold_every_row() -> None:
    rng = np.random.default_rng(0)
    truth = rng.permutation(23).astype(float)
    score = truth + rng.normal(0, 5, size=23)
    bands = breakdown(score, truth, {})["tau_by_band"]
    assert [band["n"] for band in bands] == [4, 4, 4, 4, 7]
    assert [(band["best"], band["worst"]) for band in bands] == [(22, 19), (18, 15), (14, 11), (10, 7), (6, 0)]
    inside = (truth >= 11) & (truth <= 14)
    assert bands[2]["kendall_tau"] == pytest.approx(kendall_tau(score[inside], truth[inside]))


def test_rank_errors_are_negative_for_what_is_rated_too_high() -> None:
    truth = [4.0, 3.0, 2.0, 1.0]
    score = [1.0, 3.0, 2.0, 4.0]  # the best and the worst have changed places
    found = breakdown(score, truth, {"convolutions": [0, 2, 2, 1]})["rank_error"]["convolutions"]
    assert found == [
        {"value": 0, "n": 1, "error": 0.75},
        {"value": 1, "n": 1, "error": -0.75},
        {"value": 2, "n": 2, "error": 0.0},
    ]


def test_constant_scores_share_a_rank_and_have_no_tau() -> None:
    found = breakdown(np.zeros(10), np.arange(10.0), {"parts": np.arange(10)})
    assert {band["kendall_tau"] for band in found["tau_by_band"]} == {None}
    errors = [group["error"] for group in found["rank_error"]["parts"]]
    assert errors == pytest.approx((np.arange(10) - 4.5) / 10)


def test_few_rows_leave_bands_out_and_counts_must_be_whole_numbers() -> None:
    assert [band["n"] for band in breakdown([1.0, 2.0], [1.0, 2.0], {})["tau_by_band"]] == [2]
    with pytest.raises(DataError, match=r"parts must be one whole number for each of 2 rows, found float64"):
        breakdown([1.0, 2.0], [1.0, 2.0], {"parts": [0.5, 1.0]})


def test_the_bias_of_a_ranking_weighs_counts_by_their_architectures() -> None:
    rows = [{"value": 0, "n": 30, "error": -0.1}, {"value": 1, "n": 10, "error": 0.3}]
    assert rank_bias(rows) == pytest.approx(np.sqrt((30 * 0.01 + 10 * 0.09) / 40))


def test_a_ranking_without_bias_can_still_be_wrong() -> None:
    truth, convolutions = np.arange(40.0), np.arange(40) // 10
    within = np.concatenate([np.arange(10)[::-1] + 10 * group for group in range(4)])  # turned round in each group
    assert rank_bias(breakdown(within, truth, {"c": convolutions})["rank_error"]["c"]) == pytest.approx(0)
    assert rank_bias(breakdown(-truth, truth, {"c": convolutions})["rank_error"]["c"]) > 0.5
