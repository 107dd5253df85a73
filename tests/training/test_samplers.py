"""Samplers: what is drawn, and how often."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import chisquare

from nasbench_harness.errors import UsageError
from nasbench_harness.space import (
    CONV_1X1,
    CONV_3X3,
    N_ARCHITECTURES,
    Subspace,
    connected,
    convolution_count,
    index_to_code,
    live_edges,
    nonlinearity_count,
)
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


@pytest.mark.parametrize("name", ["uniform", "balanced"])
def test_every_convolution_is_soon_sampled_on_a_live_edge(name: str) -> None:
    """So whether a dead edge counts as used decides nothing under "decay" after some thirty steps: cifar10-fast.md."""
    last = []
    for seed in range(100):
        drawn = samplers.build(name).draw(Subspace.full(), 200, np.random.default_rng(seed))[:, 0]
        code_SE = np.where(live_edges()[drawn], index_to_code(drawn), -1)
        first = [np.flatnonzero(code_SE[:, e] == op) for e in range(6) for op in (CONV_1X1, CONV_3X3)]
        last.append(1 + max(int(steps[0]) for steps in first))
    assert 8 <= np.median(last) <= 20
    assert max(last) < 80


def test_balanced_by_convolutions_draws_each_number_of_live_convolutions_equally_often() -> None:
    drawn = samplers.build({"name": "balanced", "by": "convolutions"}).draw(
        Subspace.full(), 21_000, np.random.default_rng(4)
    )
    live_SE = live_edges()[drawn[:, 0]]
    convolution_SE = np.isin(index_to_code(drawn[:, 0]), (CONV_1X1, CONV_3X3))
    number = (live_SE & convolution_SE).sum(axis=1)
    assert chisquare(np.bincount(number, minlength=7)).pvalue > CHANCE
    several = samplers.build({"name": "balanced", "by": "convolutions", "form": "multi"})
    assert several.per_step(Subspace.full()) == 7
    assert several.per_step(small_box()) == len(np.unique(convolution_count()[small_box().connected().members]))


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
    try:
        drawn = sampler.draw(space, steps, np.random.default_rng(seed))
    except UsageError as error:  # a box in which every strictly fair step holds an architecture without a path
        if name == "fair" and "strictly fair" in str(error):
            return
        raise
    assert drawn.shape == (steps, sampler.per_step(space))
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


def test_balanced_multi_draws_one_architecture_of_every_group_at_each_step() -> None:
    space = small_box()
    sampler = samplers.build({"name": "balanced", "form": "multi"})
    members = space.connected().members
    drawn = sampler.draw(space, 100 * len(members), np.random.default_rng(0))
    assert drawn.shape[1] == sampler.per_step(space) == 3
    assert (np.maximum(nonlinearity_count()[drawn], 1) == [1, 2, 3]).all()
    for column, group in zip(drawn.T, ((0, 1), (2,), (3,)), strict=True):
        inside = members[np.isin(nonlinearity_count()[members], group)]
        assert chisquare(frequencies(column, inside)).pvalue > CHANCE


@pytest.mark.parametrize("edge", range(6))
def test_fair_trains_every_operation_of_every_edge_once_a_step(edge: int) -> None:
    drawn = samplers.build("fair").draw(Subspace.full(), 500, np.random.default_rng(0))
    assert drawn.shape == (500, 5)
    np.testing.assert_array_equal(np.sort(index_to_code(drawn)[..., edge], axis=1), np.tile(np.arange(5), (500, 1)))
    assert len(np.unique(drawn)) > 1500  # new orders at every step, not the same five architectures again


def test_fair_in_a_smaller_box_is_even_to_within_one() -> None:
    space = small_box()
    code_SKE = index_to_code(samplers.build("fair").draw(space, 300, np.random.default_rng(0)))
    assert code_SKE.shape[1] == 3
    for edge, used_O in enumerate(space.used_EO):
        counts = np.stack([(code_SKE[:, :, edge] == op).sum(1) for op in np.flatnonzero(used_O)])
        assert counts.max() - counts.min() <= 1


def test_fair_says_where_strict_fairness_cannot_be_had() -> None:
    with pytest.raises(UsageError, match="not a box"):
        samplers.build("fair").draw(Subspace.where(nonlinearity_count() == 2, "two"), 3, np.random.default_rng(0))
    mask_EO = np.zeros((6, 5), dtype=bool)
    mask_EO[:, 0] = True
    mask_EO[3, 1] = True
    with pytest.raises(UsageError, match="no strictly fair draw"):
        samplers.build("fair").draw(Subspace.box(mask_EO, "one path"), 3, np.random.default_rng(0))
