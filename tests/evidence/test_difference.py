"""The test against scipy's, Holm and the permutations against known answers and independent ones."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from nasbench_harness.evidence.difference import difference
from nasbench_harness.evidence.holm import holm
from nasbench_harness.evidence.permutation import permutation_p
from nasbench_harness.evidence.prior import NO_PRIOR, Prior

RNG = np.random.default_rng(5)
ONE, OTHER = RNG.normal(0.5, 0.02, 5), RNG.normal(0.52, 0.02, 10)


def test_without_a_prior_it_is_the_ordinary_test() -> None:
    found = difference(ONE, OTHER, NO_PRIOR)
    assert float(found.p_below()) == pytest.approx(stats.ttest_ind(ONE, OTHER, alternative="less").pvalue)
    assert float(found.p_above(-0.03)) == pytest.approx(
        stats.ttest_ind(ONE + 0.03, OTHER, alternative="greater").pvalue
    )
    low, high = stats.ttest_ind(ONE, OTHER).confidence_interval(0.9)
    assert found.ends(0.05) == pytest.approx((low, high))


def test_ends_and_p_values_say_the_same() -> None:
    found = difference(RNG.normal(size=(200, 4)), RNG.normal(size=(200, 6)), Prior(2.0, 1.0))
    low, high = found.ends(0.03)
    assert ((high < 0) == (found.p_below() < 0.03)).all()
    assert ((low > -0.5) == (found.p_above(-0.5) < 0.03)).all()


def test_many_at_once_are_each_alone() -> None:
    ones, others = RNG.normal(size=(7, 3)), RNG.normal(size=(7, 5))
    together = difference(ones, others, Prior(1.8, 0.5))
    for place in range(7):
        alone = difference(ones[place], others[place], Prior(1.8, 0.5))
        assert float(alone.error) == pytest.approx(together.error[place])
        assert float(alone.p_below(-1)) == pytest.approx(together.p_below(-1)[place])


def test_without_any_spread_every_distance_is_certain() -> None:
    found = difference([0.4, 0.4], [0.5, 0.5, 0.5], NO_PRIOR)
    assert (float(found.p_below()), float(found.p_above(-0.2))) == (0, 0)
    assert float(difference([0.5, 0.5], [0.5, 0.5], NO_PRIOR).p_below()) == 0.5


def test_one_seed_has_the_spread_of_the_other_side() -> None:
    found = difference(ONE[:1], OTHER, NO_PRIOR)
    assert float(found.degrees) == 9
    assert float(found.error) == pytest.approx(OTHER.std(ddof=1) * np.sqrt(1 + 1 / 10))


def test_holm_on_a_worked_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
    assert holm([[0.01, 0.04], [0.5, 0.02]]) == pytest.approx(np.array([[0.02, 0.04], [0.5, 0.04]]))


def test_permutations_agree_with_scipy() -> None:
    def statistic(x, y, axis):
        return np.mean(x, axis=axis) - np.mean(y, axis=axis)

    for n, m in ((5, 5), (5, 8)):
        expected = stats.permutation_test(
            (ONE[:n], OTHER[:m]), statistic, alternative="less", n_resamples=np.inf, vectorized=True
        )
        assert permutation_p(ONE[:n].tolist(), OTHER[:m].tolist()) == pytest.approx(expected.pvalue)


def test_permutations_need_five_on_each_side_and_cannot_be_zero() -> None:
    assert permutation_p([0.1] * 4, [0.2] * 10) is None
    assert permutation_p([0.1, 0.11, 0.12, 0.13, 0.14], [0.2, 0.21, 0.22, 0.23, 0.24]) == pytest.approx(1 / 252)
    assert permutation_p([0.5] * 5, [0.5] * 5) == 1
    many = permutation_p(RNG.normal(0, 1, 15).tolist(), RNG.normal(9, 1, 15).tolist())
    assert many == pytest.approx(1 / 20_000)
