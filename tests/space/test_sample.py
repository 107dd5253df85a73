"""A stratified draw: right sizes in every stratum, the same each time, and a fair picture of the whole."""

from __future__ import annotations

import numpy as np
import pytest

from nasbench_harness.errors import UsageError
from nasbench_harness.metrics import kendall_tau
from nasbench_harness.space import (
    CONV_1X1,
    CONV_3X3,
    N_ARCHITECTURES,
    flops,
    operation_counts,
    sample_of_space,
    stratified_draw,
)

LIVE = flops(live=True)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_shares_are_proportional_and_whole() -> None:
    strata = np.repeat([7, 3, 5], [50, 30, 20])
    drawn = stratified_draw(strata, 10, rng())
    assert np.bincount(strata[drawn])[[7, 3, 5]].tolist() == [5, 3, 2]
    assert (np.diff(drawn) > 0).all()


def test_what_is_left_over_goes_to_the_largest_remainders() -> None:
    # shares of 4 among 50, 30, 20: 2, 1.2, 0.8 -> 2, 1, 1
    strata = np.repeat([0, 1, 2], [50, 30, 20])
    assert np.bincount(strata[stratified_draw(strata, 4, rng())]).tolist() == [2, 1, 1]


@pytest.mark.parametrize("count", [2, 29, 100, 1000, 15624])
def test_every_stratum_of_the_space_has_its_share_to_within_one(count: int) -> None:
    drawn = sample_of_space(count, rng())
    assert len(np.unique(drawn)) == len(drawn) == count
    kinds, size_S = np.unique(LIVE, return_counts=True)
    got_S = np.array([(LIVE[drawn] == kind).sum() for kind in kinds])
    share_S = size_S * count / N_ARCHITECTURES
    assert (np.abs(got_S - share_S) < 1).all()
    assert (got_S[share_S >= 1] >= 1).all()


def test_strata_are_the_counts_of_live_convolutions_at_any_size_of_the_network() -> None:
    """28 of them, so what is drawn does not depend on channels and cells."""
    convolutions = operation_counts(CONV_1X1, live=True) * 7 + operation_counts(CONV_3X3, live=True)
    assert len(np.unique(LIVE)) == 28 == len(np.unique(np.stack([convolutions, LIVE]), axis=1).T)
    narrow = stratified_draw(flops(channels=5, cells=2, live=True), 300, rng())
    np.testing.assert_array_equal(narrow, sample_of_space(300, rng()))


def test_a_draw_depends_on_the_generator_alone() -> None:
    np.testing.assert_array_equal(sample_of_space(500, rng()), sample_of_space(500, rng()))
    assert not np.array_equal(sample_of_space(500, rng()), sample_of_space(500, rng(1)))
    np.testing.assert_array_equal(sample_of_space(N_ARCHITECTURES, rng()), np.arange(N_ARCHITECTURES))


def test_every_member_of_a_stratum_is_as_likely_as_another() -> None:
    strata = np.repeat([0, 1], [8, 4])
    often = np.bincount(np.concatenate([stratified_draw(strata, 3, rng(seed)) for seed in range(2000)]), minlength=12)
    np.testing.assert_allclose(often / 2000, 0.25, atol=0.045)  # 4.6 standard errors


def test_a_sample_ranks_as_the_whole_and_varies_less_than_a_plain_draw() -> None:
    """Scores and truth that both follow live multiply-adds, as real ones do."""
    noise = rng(9).normal(size=(2, N_ARCHITECTURES))
    one, other = np.sqrt(LIVE / 1e6) + noise
    whole = kendall_tau(one, other)
    strata = [sample_of_space(300, rng(seed)) for seed in range(60)]
    plain = [rng(seed).choice(N_ARCHITECTURES, 300, replace=False) for seed in range(60)]
    found, loose = (np.array([kendall_tau(one[d], other[d]) for d in draws]) for draws in (strata, plain))
    assert whole is not None
    assert abs(found.mean() - whole) < 4 * found.std() / 60**0.5
    assert found.std() < 0.95 * loose.std()


@pytest.mark.parametrize("count", [-1, 1, 15626])
def test_impossible_samples_are_refused(count: int) -> None:
    with pytest.raises(UsageError, match=r"from 2 to 15625"):
        sample_of_space(count, rng())
    with pytest.raises(UsageError, match=r"from 0 to 3"):
        stratified_draw([1, 1, 2], 4, rng())
