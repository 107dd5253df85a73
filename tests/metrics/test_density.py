"""Hexagonal rank counts: every row in its nearest cell, plain JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench_harness.errors import UsageError
from nasbench_harness.metrics import rank_density


@given(st.integers(2, 300), st.integers(1, 50), st.integers(0, 2**32))
def test_every_row_is_counted_in_the_nearest_of_the_listed_cells(n: int, bins: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    score, truth = rng.permutation(n).astype(float), rng.permutation(n).astype(float)
    density = rank_density(score, truth, bins)
    assert sum(density["count"]) == n == density["n"]
    assert min(density["count"]) >= 1
    point_A2 = np.stack([(n - truth - 0.5) / n, (n - score - 0.5) / n], axis=1)
    centre_H2 = np.column_stack([density["x"], density["y"]])
    distance_AH = np.linalg.norm(point_A2[:, None] - centre_H2[None], axis=2)
    assert distance_AH.min(axis=1).max() <= density["radius"] + 1e-5
    # Points on the line between two cells may go to either.
    close_AH = distance_AH < distance_AH.min(axis=1, keepdims=True) + 1e-5
    sure_A = close_AH.sum(axis=1) == 1
    at_least_H = np.bincount(distance_AH[sure_A].argmin(axis=1), minlength=len(centre_H2))
    assert (at_least_H <= density["count"]).all()
    assert (close_AH.sum(axis=0) >= density["count"]).all()


def test_centres_lie_on_a_lattice_of_touching_hexagons() -> None:
    rng = np.random.default_rng(0)
    density = rank_density(rng.normal(size=5000), rng.normal(size=5000), 12)
    centre_H2 = np.column_stack([density["x"], density["y"]])
    distance_HH = np.linalg.norm(centre_H2[:, None] - centre_H2[None], axis=2)
    np.fill_diagonal(distance_HH, np.inf)
    np.testing.assert_allclose(distance_HH.min(axis=1), 1 / 12, atol=1e-5)
    assert density["radius"] == pytest.approx(1 / 12 / np.sqrt(3))


def test_a_perfect_score_lies_on_the_diagonal_with_the_best_at_zero() -> None:
    truth = np.arange(1000.0)
    density = rank_density(truth, truth, 20)
    assert np.abs(np.subtract(density["x"], density["y"])).max() <= 2 * density["radius"]
    reversed_density = rank_density(-truth, truth, 20)
    assert np.abs(np.add(reversed_density["x"], reversed_density["y"]) - 1).max() <= 2 * density["radius"]
    two = rank_density([5.0, 1.0], [1.0, 5.0], 8)  # the best score is truly the worst
    low_y = two["y"].index(min(two["y"]))
    assert two["x"][low_y] == max(two["x"])


def test_equal_values_share_one_place() -> None:
    density = rank_density([1.0] * 50, np.arange(50.0), 10)
    assert len(set(density["y"])) <= 2
    np.testing.assert_allclose(density["y"], 0.5, atol=density["radius"])


def test_the_result_is_plain_json() -> None:
    density = rank_density([1, 2, 3], [2, 1, 3])
    assert json.loads(json.dumps(density, allow_nan=False)) == density


def test_a_density_needs_a_bin() -> None:
    with pytest.raises(UsageError, match="bin"):
        rank_density([1, 2], [1, 2], bins=0)
