"""Intervals over seeds and over architectures."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.metrics import seed_summary
from nasbench_harness.metrics.pairs import Pair
from nasbench_harness.metrics.uncertainty import bootstrap


def test_seeds_are_summed_up_with_students_t() -> None:
    summary = seed_summary([0.50, 0.55, 0.60])
    assert (summary.mean, summary.sd, summary.n) == pytest.approx((0.55, 0.05, 3))
    half = 4.302653 * 0.05 / math.sqrt(3)  # the 97.5 % point of t with 2 degrees of freedom, from a printed table
    assert summary.interval == pytest.approx((0.55 - half, 0.55 + half), abs=1e-6)
    assert json.loads(json.dumps(summary.to_json()))["n"] == 3


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=12))
def test_the_interval_agrees_with_scipy(values: list[float]) -> None:
    import scipy.stats

    summary = seed_summary(values)
    assert summary.interval is not None
    assert summary.sd is not None
    scale = summary.sd / math.sqrt(len(values))
    if scale == 0:
        assert summary.interval == (summary.mean, summary.mean)
        return
    expected = scipy.stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=scale)
    assert summary.interval == pytest.approx(expected, abs=1e-6)


def test_one_seed_has_no_spread() -> None:
    summary = seed_summary([0.4])
    assert (summary.mean, summary.sd, summary.n, summary.interval) == (0.4, None, 1, None)


@pytest.mark.parametrize(("values", "words"), [([], "at least one"), ([0.5, math.nan], "nan in row 1")])
def test_missing_seeds_are_named(values: list[float], words: str) -> None:
    with pytest.raises(DataError, match=words):
        seed_summary(values)


def mean_truth(pair: Pair) -> dict[str, float | None]:
    return {"mean": float(pair.truth_A.mean()), "rows": float(pair.n)}


def test_the_bootstrap_of_a_mean_has_the_width_of_its_standard_error() -> None:
    truth = np.random.default_rng(0).normal(size=400)
    found = bootstrap(Pair.of(truth, truth), mean_truth, resamples=2000, seed=0)
    half = 1.96 * truth.std() / math.sqrt(400)
    expected = (truth.mean() - half, truth.mean() + half)
    assert found["mean"] == pytest.approx(expected, abs=0.1 * half)
    assert found["rows"] == (400, 400)


def test_a_resample_is_the_pair_of_its_rows_in_row_order() -> None:
    rng = np.random.default_rng(5)
    score, truth = rng.integers(0, 4, size=(2, 30)).astype(float)
    seen: list[Pair] = []

    def watch(pair: Pair) -> dict[str, float | None]:
        seen.append(pair)
        return {}

    assert bootstrap(Pair.of(score, truth), watch, resamples=5, seed=1) == {}
    generator = np.random.default_rng(1)
    for pair in seen:
        rows = np.sort(generator.integers(30, size=30))
        again = Pair.of(score[rows], truth[rows])
        np.testing.assert_array_equal(pair.score_A, again.score_A)
        np.testing.assert_array_equal(pair.by_score, again.by_score)
        np.testing.assert_array_equal(pair.by_truth, again.by_truth)


def test_a_number_that_is_undefined_in_a_resample_has_no_interval() -> None:
    calls = iter(range(100))

    def sometimes(pair: Pair) -> dict[str, float | None]:
        return {"always": 1.0, "sometimes": None if next(calls) == 3 else 1.0}

    assert set(bootstrap(Pair.of([1, 2], [1, 2]), sometimes, resamples=10, seed=0)) == {"always"}


def test_no_resamples_give_no_intervals_and_fewer_are_refused() -> None:
    pair = Pair.of([1, 2], [1, 2])
    assert bootstrap(pair, mean_truth, resamples=0, seed=0) == {}
    with pytest.raises(UsageError, match="-1"):
        bootstrap(pair, mean_truth, resamples=-1, seed=0)
