"""Samplers: what is drawn, and how often."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import chisquare

from nasbench_harness.errors import UsageError
from nasbench_harness.space import N_ARCHITECTURES, Subspace, connected, nonlinearity_count
from nasbench_harness.training.samplers import samplers

CHANCE = 1e-4
"""Below this p-value a frequency is not what it should be; the seeds are fixed, so a pass stays a pass."""


def small_box() -> Subspace:
    """72 architectures of all nonlinearity counts, some of them disconnected."""
    mask_EO = np.zeros((6, 5), dtype=bool)
    for edge, ops in enumerate(((0, 3), (1,), (0, 2, 3), (0, 4), (0, 2), (0, 1, 3))):
        mask_EO[edge, list(ops)] = True
    return Subspace.box(mask_EO, "small")


def frequencies(drawn: np.ndarray, members: np.ndarray) -> np.ndarray:
    """How often each of ``members`` was drawn; nothing else may have been."""
    assert np.isin(drawn, members).all()
    return np.bincount(np.searchsorted(members, drawn.ravel()), minlength=len(members))


def test_uniform_draws_every_connected_member_equally_often() -> None:
    space = small_box()
    members = space.connected().members
    assert 0 < len(members) < space.size
    drawn = samplers.build("uniform").draw(space, 200 * len(members), np.random.default_rng(0))
    assert chisquare(frequencies(drawn, members)).pvalue > CHANCE


def test_balanced_draws_every_nonlinearity_group_equally_often_and_uniformly_inside() -> None:
    space = small_box()
    members = space.connected().members
    drawn = samplers.build("balanced").draw(space, 300 * len(members), np.random.default_rng(0))
    count = frequencies(drawn, members)
    nonlinearities = nonlinearity_count()[members]
    groups = [np.isin(nonlinearities, group) for group in ((0, 1), (2,), (3,))]
    sizes = [int(group.sum()) for group in groups]
    assert min(sizes) > 0
    assert len(set(sizes)) == 3  # else this could not tell balanced from uniform
    assert chisquare([count[group].sum() for group in groups]).pvalue > CHANCE
    for group in groups:
        assert chisquare(count[group]).pvalue > CHANCE
    assert chisquare(count).pvalue < CHANCE


def test_balanced_on_the_full_space() -> None:
    drawn = samplers.build("balanced").draw(Subspace.full(), 30_000, np.random.default_rng(1))
    group = np.maximum(nonlinearity_count()[drawn[:, 0]], 1)
    assert chisquare(np.bincount(group)[1:]).pvalue > CHANCE
    assert (nonlinearity_count()[drawn] == 0).any()


@pytest.mark.parametrize(("kept", "groups"), [((0, 1, 2), 2), ((0,), 1), ((3,), 1), ((2, 3), 2)])
def test_balanced_leaves_out_groups_that_the_subspace_does_not_meet(kept: tuple[int, ...], groups: int) -> None:
    space = Subspace.where(np.isin(nonlinearity_count(), kept), "some counts")
    drawn = samplers.build("balanced").draw(space, 3000, np.random.default_rng(2))
    counts = np.unique(np.maximum(nonlinearity_count()[drawn], 1), return_counts=True)[1]
    assert len(counts) == groups
    np.testing.assert_allclose(counts / 3000, 1 / groups, atol=0.04)


@pytest.mark.parametrize("name", list(samplers))
@settings(max_examples=25, deadline=None)
@given(hnp.arrays(np.bool_, (6, 5)), st.integers(1, 40), st.integers(0, 99))
def test_draws_are_connected_members_repeatable_and_of_the_stated_shape(
    name: str, mask_EO: np.ndarray, steps: int, seed: int
) -> None:
    space = Subspace.box(mask_EO, "box")
    assume(space.connected().size)
    sampler = samplers.build(name)
    drawn = sampler.draw(space, steps, np.random.default_rng(seed))
    assert drawn.shape == (steps, sampler.per_step)
    assert drawn.dtype == np.int64
    assert space.contains(drawn).all()
    assert connected()[drawn].all()
    np.testing.assert_array_equal(drawn, sampler.draw(space, steps, np.random.default_rng(seed)))


@pytest.mark.parametrize("name", list(samplers))
def test_other_generators_give_other_draws(name: str) -> None:
    first, second = (samplers.build(name).draw(Subspace.full(), 50, np.random.default_rng(seed)) for seed in (0, 1))
    assert (first != second).any()


@pytest.mark.parametrize("name", list(samplers))
def test_a_subspace_without_a_connected_architecture_is_an_error(name: str) -> None:
    nothing = Subspace.where(~connected(), "dead ends")
    assert nothing.size == 341
    for space in (nothing, Subspace.where(np.zeros(N_ARCHITECTURES, dtype=bool), "empty")):
        with pytest.raises(UsageError, match=rf"{space.name}.*connected"):
            samplers.build(name).draw(space, 3, np.random.default_rng(0))
