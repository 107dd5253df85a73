"""Noise ceilings of simulated tables, whose truth is known."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nasbench_harness.errors import DataError
from nasbench_harness.metrics import kendall_tau, noise_ceiling, pearson, spearman


def test_two_halves_predict_how_two_full_tables_agree() -> None:
    rng = np.random.default_rng(3)
    truth = rng.normal(size=20_000)
    first, second, third, fourth = (truth + rng.normal(size=truth.size) for _ in range(4))
    ceiling = noise_ceiling(first, second)
    assert ceiling["reliability_of_mean"] == pytest.approx(2 / 3, abs=0.02)  # variance 1 of 1 + 1/2
    expected = kendall_tau((first + second) / 2, (third + fourth) / 2)
    assert ceiling["kendall_tau_of_mean"] == pytest.approx(expected, abs=0.02)
    assert ceiling["kendall_tau_of_mean"] > ceiling["kendall_tau"]  # type: ignore[operator]


def test_the_plain_values_are_those_between_the_two_measurements() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 50))
    ceiling = noise_ceiling(first, second + first)
    assert ceiling["n"] == 50
    assert ceiling["kendall_tau"] == kendall_tau(first, second + first)
    assert ceiling["spearman"] == spearman(first, second + first)
    assert ceiling["pearson"] == pearson(first, second + first)


def test_equal_measurements_have_no_noise() -> None:
    ceiling = noise_ceiling([1, 2, 3, 4], [1, 2, 3, 4])
    for name in ("kendall_tau", "reliability_of_mean", "kendall_tau_of_mean"):
        assert ceiling[name] == pytest.approx(1.0)


def test_measurements_that_disagree_have_no_stepped_up_value() -> None:
    ceiling = noise_ceiling([1, 2, 3, 4], [4, 3, 2, 1])
    assert ceiling["kendall_tau"] == pytest.approx(-1.0)
    assert ceiling["reliability_of_mean"] is None
    assert ceiling["kendall_tau_of_mean"] is None


def test_a_constant_measurement_gives_null_and_a_hole_is_refused() -> None:
    ceiling = noise_ceiling([1, 1, 1], [1, 2, 3])
    assert json.dumps(ceiling, allow_nan=False).count("null") == 5
    with pytest.raises(DataError, match="row 2"):
        noise_ceiling([1, 2, 3], [1, 2, float("nan")])
