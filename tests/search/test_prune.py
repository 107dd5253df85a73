"""Pruning: what is rare goes, what the guards protect stays, the window is never emptied."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasbench_harness.errors import UsageError
from nasbench_harness.search.constraint import Window
from nasbench_harness.search.evolution import SearchResult
from nasbench_harness.search.pareto import nondominated_ranks
from nasbench_harness.search.prune import THRESHOLDS, counted, operation_frequencies, prune
from nasbench_harness.search.prune_stages import describe_space, pad_nas
from nasbench_harness.search.settings import SearchSettings
from nasbench_harness.space import N_ARCHITECTURES, Subspace, all_codes, code_to_index, connected, flops

FULL = Subspace.full()
ANYWHERE = np.ones(N_ARCHITECTURES, dtype=bool)
COST_A = flops() / 1e6


def test_frequencies_of_known_architectures() -> None:
    index_N = code_to_index([[0, 1, 2, 3, 4, 0], [0, 1, 2, 3, 4, 1], [0, 1, 2, 3, 3, 1], [0, 1, 2, 3, 3, 1]])
    frequency_EO = operation_frequencies(index_N)
    np.testing.assert_array_equal(frequency_EO[0], [1, 0, 0, 0, 0])
    np.testing.assert_array_equal(frequency_EO[4], [0, 0, 0, 0.5, 0.5])
    np.testing.assert_array_equal(frequency_EO[5], [0.25, 0.75, 0, 0, 0])
    with pytest.raises(UsageError, match="at least one architecture"):
        operation_frequencies(index_N[:0])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 999), st.integers(1, 60), st.sampled_from(THRESHOLDS))
def test_the_rules_of_pruning(seed: int, count: int, threshold: float) -> None:
    rng = np.random.default_rng(seed)
    mask_EO = rng.random((6, 5)) < 0.8
    mask_EO[np.arange(6), rng.integers(5, size=6)] = True
    space = Subspace.box(mask_EO, "box")
    counted_N = np.unique(space.sample(count, rng, connected=False))
    inside_A = np.zeros(N_ARCHITECTURES, dtype=bool)
    inside_A[counted_N] = True
    pruning = prune(space, counted_N, threshold, inside_A)
    slow_EO = np.array([[np.mean(all_codes()[counted_N, e] == o) for o in range(5)] for e in range(6)])
    np.testing.assert_allclose(pruning.frequency_EO, slow_EO)
    after_EO = pruning.after.used_EO
    np.testing.assert_array_equal(after_EO, mask_EO & ~pruning.removed_EO)
    assert (slow_EO[pruning.removed_EO] <= threshold).all()
    kept_rare_EO = after_EO & (slow_EO <= threshold)
    np.testing.assert_array_equal(kept_rare_EO, pruning.kept_by_guard_EO | pruning.put_back_EO)
    assert (after_EO.sum(axis=1) >= np.minimum(2, mask_EO.sum(axis=1))).all()
    assert (inside_A & pruning.after.mask_A).any()
    assert not (pruning.kept_by_guard_EO & pruning.put_back_EO).any()
    if threshold == 0:
        assert (after_EO[slow_EO > 0]).all()
        assert pruning.after.mask_A[counted_N].all()


def test_the_guard_keeps_the_two_most_frequent() -> None:
    pruning = prune(FULL, code_to_index([[3] * 6]), 0.0, ANYWHERE)
    assert pruning.after.size == 2**6
    np.testing.assert_array_equal(pruning.after.used_EO, [[True, False, False, True, False]] * 6)
    assert pruning.kept_by_guard_EO.sum() == 6
    assert pruning.to_json()["size_before"] == 15625
    assert len(pruning.to_json()["removed"]) == 18


def test_a_window_is_not_emptied() -> None:
    """Four architectures without a common operation: all are at the threshold, and the guard drops the window's."""
    pair = code_to_index([[1, 1, 1, 1, 1, 1], [2, 2, 2, 2, 2, 2], [3, 3, 3, 3, 3, 3], [4, 4, 4, 4, 4, 4]])
    inside_A = np.zeros(N_ARCHITECTURES, dtype=bool)
    inside_A[pair[3]] = True
    pruning = prune(FULL, pair, 0.25, inside_A)
    assert pruning.after.mask_A[pair[3]]
    assert pruning.put_back_EO[:, 4].all()
    assert (pruning.frequency_EO[pruning.put_back_EO] == 0.25).all()


def test_bad_input() -> None:
    with pytest.raises(UsageError, match="below 1, found 1"):
        prune(FULL, np.array([3]), 1.0, ANYWHERE)
    with pytest.raises(UsageError, match="window holds no architecture of 'full'"):
        prune(FULL, np.array([3]), 0.1, ~ANYWHERE)
    with pytest.raises(UsageError, match="at least one stage"):
        pad_nas(lambda i: COST_A[i], COST_A, FULL, Window(), np.random.default_rng(0), prunings=0)


def test_only_the_best_ranks_are_counted() -> None:
    index_N = np.arange(400) * 39
    score_N, cost_N = np.random.default_rng(2).normal(size=(2, 400))
    result = SearchResult(index_N, score_N, cost_N, index_N[100:140], 400, 400, 1, 0)
    rank_N = nondominated_ranks(np.column_stack([cost_N, -score_N]))
    assert (rank_N >= 10).any()
    np.testing.assert_array_equal(counted(result), index_N[rank_N < 10])
    population = nondominated_ranks(np.column_stack([cost_N, -score_N])[100:140]) < 10
    np.testing.assert_array_equal(counted(result, "population"), index_N[100:140][population])
    with pytest.raises(UsageError, match="choose archive or population"):
        counted(result, "luck")


def test_stages_narrow_the_space_and_call_back_between() -> None:
    score_A = (all_codes() == 2).sum(axis=1) + 0.5 * (all_codes() == 3).sum(axis=1)
    window = Window(None, 60)
    called: list[int] = []
    done = pad_nas(
        lambda index_N: score_A[index_N].astype(float),
        COST_A,
        FULL,
        window,
        np.random.default_rng(0),
        0.05,
        settings=SearchSettings(32, 10),
        share_live_cells=False,
        after_pruning=lambda number, pruning: called.append(number),
    )
    sizes = [space.size for space in done.spaces]
    assert sizes[0] == 15625 > sizes[1] >= sizes[2]
    assert called == [0, 1]
    assert [stage.pruning is None for stage in done.stages] == [False, False, True]
    for space, stage in zip(done.spaces, done.stages, strict=True):
        assert space.mask_A[stage.search.index_N].all()
    assert score_A[done.final.best] == 6  # six 1x1 convolutions fit the window


def test_what_is_told_of_a_space() -> None:
    truth_A = np.linspace(0, 90, N_ARCHITECTURES)
    truth_A[-1] = np.nan
    window = Window(None, 60)
    told = describe_space(FULL, COST_A, window, truth_A)
    inside = window.holds(COST_A) & connected()
    assert told["in_window"] == inside.sum()
    assert told["best_truth_in_window"] == np.nanmax(truth_A[inside])
    assert told["mean_truth_in_window"] == pytest.approx(np.nanmean(truth_A[inside]))
    assert told["log10_size"] == pytest.approx(4.1938)
