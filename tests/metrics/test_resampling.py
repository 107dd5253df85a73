"""The bootstrap by weights, against metrics of rows that were really drawn again."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from nasbench_harness.metrics.beyond_count import within_of
from nasbench_harness.metrics.concordance import pairwise_accuracy_of
from nasbench_harness.metrics.correlation import pearson_of, spearman_of, tau_of
from nasbench_harness.metrics.pairs import Floats, Pair
from nasbench_harness.metrics.resampling import (
    EXACT,
    ResampledPairAccuracy,
    ResampledPearson,
    ResampledPrecision,
    ResampledPrecisionAtWorst,
    ResampledSpearman,
    ResampledTau,
    ResampledTauWithin,
    intervals_of,
    weight_blocks,
)
from nasbench_harness.metrics.topk import precision_at_worst_of, precision_of


def tied(n: int) -> tuple[Pair, np.ndarray]:
    """Scores and truth with ties on both sides, and groups of rows."""
    rng = np.random.default_rng(n)
    truth = rng.normal(90, 2, size=n).round(1)
    return Pair.of((truth + rng.normal(0, 2, size=n)).round(0), truth), rng.integers(0, 3, size=n)


def drawn(pair: Pair, measure: Callable[[Pair, np.ndarray], float | None], resamples: int) -> np.ndarray:
    """The measure of really drawn rows, by the generator that the weights come from."""
    rng = np.random.default_rng(0)
    values = []
    for _ in range(resamples):
        rows = np.sort(rng.integers(pair.n, size=pair.n))
        value = measure(pair.take(rows), rows)
        values.append(np.nan if value is None else value)
    return np.array(values)


def weighted(measure: Callable[[Floats], Floats], n: int, resamples: int) -> np.ndarray:
    return np.concatenate([measure(block) for block in weight_blocks(n, resamples, 0)])


@pytest.mark.parametrize("n", [2, 30, EXACT])
def test_few_rows_are_resampled_exactly(n: int) -> None:
    pair, group = tied(n)
    cases: list[tuple[Callable[[Floats], Floats], Callable[[Pair, np.ndarray], float | None]]] = [
        (ResampledTau(pair), lambda taken, _: tau_of(taken)),
        (ResampledTauWithin(pair, group), lambda taken, rows: within_of(taken, group[rows]).tau),
        (ResampledSpearman(pair), lambda taken, _: spearman_of(taken)),
        (ResampledPearson(pair), lambda taken, _: pearson_of(taken)),
        (ResampledPrecision(pair, 0.1), lambda taken, _: precision_of(taken, 0.1)),
        (ResampledPrecisionAtWorst(pair, 0.1), lambda taken, _: precision_at_worst_of(taken, 0.1)),
    ]
    for found, expected in cases:
        np.testing.assert_allclose(weighted(found, n, 120), drawn(pair, expected, 120), atol=1e-12)


def test_many_rows_have_the_spread_of_really_drawn_ones() -> None:
    pair, _ = tied(1500)
    group = np.arange(1500) % 3
    cases: list[tuple[Callable[[Floats], Floats], Callable[[Pair, np.ndarray], float | None]]] = [
        (ResampledTau(pair), lambda taken, _: tau_of(taken)),
        (ResampledTauWithin(pair, group), lambda taken, rows: within_of(taken, group[rows]).tau),
        (ResampledSpearman(pair), lambda taken, _: spearman_of(taken)),
        (ResampledPairAccuracy(pair, 1), lambda taken, _: pairwise_accuracy_of(taken, 1)),
    ]
    for found, expected in cases:
        by_weight, by_row = weighted(found, 1500, 100), drawn(pair, expected, 100)
        assert by_weight.std() == pytest.approx(by_row.std(), rel=0.06)
        assert np.corrcoef(by_weight, by_row)[0, 1] > 0.99
        assert by_weight.mean() == pytest.approx(by_row.mean(), abs=0.2 * by_row.std())


def test_a_long_tail_of_draws_does_not_run_out_of_rows() -> None:
    pair, _ = tied(1000)
    precision = ResampledPrecision(pair, 0.1)
    weight_RA = np.zeros((1, 1000))
    weight_RA[0, pair.by_truth[-1]] = 1000  # the worst row, drawn every time: nothing else is chosen by either side
    assert precision(weight_RA).tolist() == [1.0]
    weight_RA = np.zeros((1, 1000))
    weight_RA[0, pair.by_truth[0]] = 1000
    assert ResampledPrecisionAtWorst(pair, 0.1)(weight_RA).tolist() == [1.0]


def test_the_interval_of_a_mean_has_the_width_of_its_standard_error() -> None:
    value_A = np.random.default_rng(0).normal(size=400)
    found = intervals_of({"mean": lambda weight_RA: weight_RA @ value_A / 400}, 400, resamples=2000, seed=0)
    half = 1.96 * value_A.std() / math.sqrt(400)
    assert found["mean"] == pytest.approx((value_A.mean() - half, value_A.mean() + half), abs=0.1 * half)


def test_what_is_undefined_in_a_resample_has_no_interval_and_no_resamples_give_none() -> None:
    def sometimes(weight_RA: Floats) -> Floats:
        return np.where(weight_RA[:, 0] == 0, np.nan, 1.0)

    def always(weight_RA: Floats) -> Floats:
        return weight_RA.sum(axis=1)

    measures = {"sometimes": sometimes, "always": always}
    assert intervals_of(measures, 3, resamples=50, seed=0) == {"always": (3.0, 3.0)}
    assert intervals_of(measures, 3, resamples=0, seed=0) == {}
