"""Ranks, fronts and volumes against slow references."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nasbench_harness.errors import DataError
from nasbench_harness.search.pareto import hypervolume, nondominated_ranks, pareto_front


def dominates(a: np.ndarray, b: np.ndarray) -> bool:
    return bool((a <= b).all() and (a < b).any())


def slow_ranks(points: np.ndarray) -> list[int]:
    ranks, left, rank = [0] * len(points), set(range(len(points))), 0
    while left:
        rank += 1
        front = {i for i in left if not any(dominates(points[j], points[i]) for j in left)}
        for i in front:
            ranks[i] = rank
        left -= front
    return ranks


@pytest.mark.parametrize("objectives", [1, 2, 3])
@pytest.mark.parametrize("ties", [False, True])
def test_ranks_and_front_of_200_random_points_agree_with_brute_force(objectives: int, ties: bool) -> None:
    points = np.random.default_rng(objectives).normal(size=(200, objectives))
    points = np.round(points) if ties else points
    expected = slow_ranks(points)
    assert nondominated_ranks(points).tolist() == expected
    front = pareto_front(points)
    assert sorted(front.tolist()) == [i for i, rank in enumerate(expected) if rank == 1]
    assert (np.diff(points[front, 0]) >= 0).all()


@given(hnp.arrays(np.int64, st.tuples(st.integers(0, 30), st.just(2)), elements=st.integers(0, 5)))
def test_ranks_of_points_with_many_ties(points: np.ndarray) -> None:
    assert nondominated_ranks(points).tolist() == slow_ranks(points)


def test_equal_points_share_the_front() -> None:
    assert nondominated_ranks([[1, 1], [1, 1], [2, 1]]).tolist() == [1, 1, 2]
    assert pareto_front([[1, 1], [1, 1], [2, 1]]).tolist() == [0, 1]


def test_hypervolume_of_a_staircase() -> None:
    assert hypervolume([[0, 1], [1, 0]], [2, 2]) == pytest.approx(3)
    assert hypervolume([[0, 1], [1, 0], [3, -9]], [2, 2]) == pytest.approx(3)  # beyond the reference: nothing
    assert hypervolume([[2, 0]], [2, 2]) == 0.0


def test_numbers_that_are_none_are_refused() -> None:
    for use in (nondominated_ranks, pareto_front):
        with pytest.raises(DataError, match="1 that are not"):
            use([[1.0, np.nan], [0, 0]])
