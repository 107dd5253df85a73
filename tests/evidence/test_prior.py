"""The variance prior: the fit against a simulation of its model, and against another method on the same numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import polygamma
from scipy.stats import f as f_distribution

from nasbench_harness.evidence.prior import NO_PRIOR, Prior, fit_prior, inverse_trigamma


@pytest.mark.parametrize("value", [1e-8, 1e-3, 0.3, 1.0, 1.6449340668482264, 40.0, 1e9])
def test_trigamma_is_inverted(value: float) -> None:
    assert float(polygamma(1, inverse_trigamma(value))) == pytest.approx(value, rel=1e-3 if value > 1e7 else 1e-6)
    if value == pytest.approx(math.pi**2 / 6):
        assert inverse_trigamma(value) == pytest.approx(1.0)


@pytest.mark.parametrize(("d0", "s0"), [(1.8, 0.0135), (6.0, 0.02), (30.0, 0.1)])
def test_the_fit_finds_the_prior_that_variances_were_drawn_from(d0: float, s0: float) -> None:
    """Unequal numbers of seeds; the tolerance is four standard errors, measured on 40 draws."""
    rng = np.random.default_rng(3)
    degrees = rng.integers(2, 15, 20_000)
    true_variance = d0 * s0**2 / rng.chisquare(d0, degrees.size)
    variances = true_variance * rng.chisquare(degrees) / degrees
    found = fit_prior(variances.tolist(), degrees.tolist())
    assert found.degrees == pytest.approx(d0, rel=0.12 if d0 > 10 else 0.06)
    assert found.sd == pytest.approx(s0, rel=0.02)
    assert (found.strategies, found.total) == (20_000, degrees.sum())


def test_the_fit_agrees_with_maximum_likelihood() -> None:
    """Sample variances over ``s0**2`` have an F distribution: another way to the same two numbers."""
    rng = np.random.default_rng(4)
    variances = 3.0 * 0.02**2 / rng.chisquare(3.0, 5000) * rng.chisquare(9, 5000) / 9
    found = fit_prior(variances.tolist(), [9] * 5000)

    def surprise(logs: np.ndarray) -> float:
        d0, scale = np.exp(logs)
        return -float(f_distribution.logpdf(variances, 9, d0, scale=scale).sum())

    d0, scale = np.exp(minimize(surprise, np.log([2.0, 0.0003]), method="Nelder-Mead").x)
    assert found.degrees == pytest.approx(d0, rel=0.1)
    assert found.sd == pytest.approx(math.sqrt(scale), rel=0.02)


def test_equal_spreads_give_an_infinite_prior_and_the_pooled_variance() -> None:
    rng = np.random.default_rng(0)
    variances = 0.01**2 * rng.uniform(0.9, 1.1, 20)
    found = fit_prior(variances.tolist(), [9] * 20)
    assert math.isinf(found.degrees)
    drawn, degrees = found.squeeze(0.5, 13)
    assert float(drawn) == pytest.approx(found.sd**2)
    assert float(degrees) == 180  # never more than all seeds together have


@pytest.mark.parametrize(
    ("variances", "degrees"),
    [([1.0] * 4, [9] * 4), ([1.0, 2, 3, 4, 5], [2] * 5), ([0.0] * 9, [9] * 9), ([0.0] * 9, [0] * 9), ([], [])],
)
def test_too_few_strategies_or_seeds_give_no_prior(variances: list[float], degrees: list[float]) -> None:
    assert fit_prior(variances, degrees) == NO_PRIOR


def test_a_strategy_without_spread_does_not_break_the_fit() -> None:
    found = fit_prior([0.0, 1.0, 2.0, 1.5, 0.7, 1.1], [9] * 6)
    assert 0 < found.degrees < 5
    assert 0 < found.sd < 2


def test_squeezing_is_the_weighted_mean_of_limma() -> None:
    variance, degrees = Prior(2.0, 0.01).squeeze([0.0004, 0.0], [6.0, 4.0])
    assert variance == pytest.approx([(2 * 0.0001 + 6 * 0.0004) / 8, 2 * 0.0001 / 6])
    assert degrees == pytest.approx([8, 6])
    same, own = NO_PRIOR.squeeze([0.5], [3.0])
    assert (same[0], own[0]) == (0.5, 3.0)
