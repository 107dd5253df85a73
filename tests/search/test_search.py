"""The constrained search: inside its window, deterministic, sparing with its evaluator, near the true front."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.search.constraint import Window, candidates_of
from nasbench_harness.search.evolution import constrained_search
from nasbench_harness.search.settings import SearchSettings
from nasbench_harness.space import Subspace, all_codes, connected, flops, live_cell_of

COST_A = flops() / 1e6
# each edge and operation has a worth of its own; the best trade-offs are not the most expensive architectures
WORTH_EO = np.random.default_rng(3).uniform(0, 1, (6, 5)) + np.array([0, 0.4, 0.5, 0.6, 0.2])
SCORE_A = WORTH_EO[np.arange(6), all_codes()].sum(axis=1)
QUICK = SearchSettings(population=24, generations=12)


def run(window: Window, seed: int = 0, space: Subspace | None = None, **options: object):
    asked: list[np.ndarray] = []

    def evaluate(index_N: np.ndarray) -> np.ndarray:
        asked.append(index_N)
        return SCORE_A[index_N]

    rng = np.random.default_rng(seed)
    chosen = {"settings": QUICK, "share_live_cells": False} | options
    return constrained_search(evaluate, COST_A, space or Subspace.full(), window, rng, **chosen), asked


def test_it_finds_the_best_of_the_window() -> None:
    window = Window(60, 90)
    found, _ = run(window, settings=SearchSettings())
    inside_A = window.holds(COST_A) & connected()
    assert SCORE_A[found.best] >= np.sort(SCORE_A[inside_A])[-3]
    assert found.generations == 40
    assert found.candidates == inside_A.sum()
    assert len(found.index_N) < inside_A.sum() / 2


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(st.floats(10, 60), st.floats(5, 100), st.integers(0, 99))
def test_everything_seen_lies_inside_and_the_front_is_not_dominated(low: float, width: float, seed: int) -> None:
    window = Window(low, low + width)
    rng = np.random.default_rng(seed)
    mask_EO = rng.random((6, 5)) < 0.7
    mask_EO[np.arange(6), rng.integers(5, size=6)] = True
    space = Subspace.box(mask_EO, "box")
    if not (window.holds(COST_A) & connected() & space.mask_A).any():
        with pytest.raises(UsageError, match="no architecture"):
            run(window, seed, space)
        return
    found, _ = run(window, seed, space)
    for index_N in (found.index_N, found.population_P):
        assert (window.holds(COST_A) & connected() & space.mask_A)[index_N].all()
        assert len(set(index_N.tolist())) == len(index_N)
    np.testing.assert_array_equal(found.score_N, SCORE_A[found.index_N])
    np.testing.assert_array_equal(found.cost_N, COST_A[found.index_N])
    np.testing.assert_array_equal(
        found.rows(found.population_P), [list(found.index_N).index(i) for i in found.population_P]
    )
    assert found.best == found.front[-1]
    points = [(SCORE_A[index], COST_A[index]) for index in found.front]
    assert len(set(points)) == len(points)
    assert (np.diff(COST_A[found.front]) >= 0).all()
    for index in found.front:
        better = (SCORE_A[found.index_N] >= SCORE_A[index]) & (COST_A[found.index_N] < COST_A[index])
        assert not better.any()


def test_equal_generators_give_equal_results_and_others_do_not() -> None:
    first, again, other = (run(Window(None, 90), seed)[0] for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.index_N, again.index_N)
    np.testing.assert_array_equal(first.population_P, again.population_P)
    assert first.index_N.tolist() != other.index_N.tolist()


def test_no_live_cell_is_asked_for_twice_and_members_of_the_space_only() -> None:
    space = Subspace.box(np.array([[False, True, True, True, True]] + [[True] * 5] * 5), "no none on edge 0")
    found, asked = run(Window(None, 120), 1, space, share_live_cells=True)
    every = np.concatenate(asked)
    cells = live_cell_of()[every]
    assert len(set(cells.tolist())) == len(cells) == found.evaluations
    assert len(found.index_N) > found.evaluations
    assert space.mask_A[every].all()
    assert max(map(len, asked)) <= QUICK.population


def test_without_shared_cells_every_architecture_is_asked_for_once() -> None:
    found, asked = run(Window(None, 120))
    np.testing.assert_array_equal(np.sort(np.concatenate(asked)), np.sort(found.index_N))


def test_a_small_window_is_evaluated_whole() -> None:
    mask_EO = np.ones((6, 5), dtype=bool)
    mask_EO[2:, 1:] = False
    mask_EO[3:, 1] = True
    space, window = Subspace.box(mask_EO, "small"), Window(None, 40)
    members = np.flatnonzero(window.holds(COST_A) & connected() & space.mask_A)
    found, _ = run(window, 0, space, settings=SearchSettings(population=len(members)))
    np.testing.assert_array_equal(found.index_N, members)
    assert found.generations == 0
    evolved, _ = run(window, 0, space, settings=SearchSettings(population=len(members) - 1, generations=5))
    np.testing.assert_array_equal(np.sort(evolved.index_N), members)
    assert evolved.discarded > 0


def test_unknown_costs_are_left_out_and_counted() -> None:
    holes_A = COST_A.copy()
    holes_A[::3] = np.nan
    counts = candidates_of(holes_A, Window(None, 90), Subspace.full())
    assert counts.to_json()["without_path"] == 341
    assert counts.without_cost == connected()[::3].sum()
    total = counts.size + counts.without_cost + counts.without_path + counts.outside_window
    assert total == 15625
    assert not counts.mask_A[::3].any()


@pytest.mark.parametrize(
    ("window", "said"),
    [
        (Window(None, 1), r"at most 1 M; the nearest possible: 7.78304 M"),
        (Window(9, 10), r"9 to 10 M; the nearest possible: 7.78304 and 11.7152 M"),
        (Window(900, None), r"at least 900 M; the nearest possible: 220\.1\d* M"),
    ],
)
def test_a_window_that_holds_nothing_names_the_nearest_cost(window: Window, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        run(window, unit="M")


def test_bad_input() -> None:
    with pytest.raises(UsageError, match="name the lower bound first"):
        Window(9, 8)
    with pytest.raises(UsageError, match="numbers, found nan"):
        Window(None, float("nan"))
    with pytest.raises(UsageError, match="population must be at least 1"):
        SearchSettings(population=0)
    with pytest.raises(UsageError, match="mutation_probability"):
        SearchSettings(mutation_probability=0)
    with pytest.raises(DataError, match="15625 architectures, found shape"):
        candidates_of(COST_A[:9], Window(), Subspace.full())
    with pytest.raises(DataError, match="gave 0 finite"):
        constrained_search(
            lambda index_N: np.full(len(index_N), np.nan), COST_A, Subspace.full(), Window(), np.random.default_rng(0)
        )


def test_the_table_part_needs_no_torch_and_pymoo_only_when_it_searches() -> None:
    program = (
        "import sys, nasbench_harness.search.search, nasbench_harness.search.tables; "
        "heavy = ('torch', 'pymoo', 'moocore', 'polars', 'matplotlib', 'scipy.stats', 'rich'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
