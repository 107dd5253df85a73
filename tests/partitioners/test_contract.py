"""What every registered partitioner promises: disjoint non-empty leaves that cover, routes and samples that agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nasbench_harness.errors import UsageError
from nasbench_harness.partitioners import partitioners
from nasbench_harness.space import (
    N_ARCHITECTURES,
    OPERATIONS,
    Subspace,
    all_codes,
    check_cover,
    connected,
    live_cell_of,
    nonlinearity_count,
    route,
)

FULL = Subspace.full()
OPTIONS: list[Any] = [
    *partitioners,
    *({"name": "single-edge", "edge": edge} for edge in range(1, 6)),
    {"name": "random", "leaves": 2},
    {"name": "efs-accum", "thresholds": [10, 20, 30]},
]
boxes = hnp.arrays(np.bool_, (6, 5)).map(lambda mask_EO: Subspace.box(mask_EO, "box"))


def split(part: Any, space: Subspace = FULL, seed: int = 0) -> list[Subspace]:
    return partitioners.build(part).split(space, None, np.random.default_rng(seed))


def check(part: Any, space: Subspace, seed: int) -> None:
    leaves = split(part, space, seed)
    check_cover(space, leaves)
    assert sum(leaf.size for leaf in leaves) == space.size
    leaf_A = route(leaves)
    np.testing.assert_array_equal(leaf_A >= 0, space.contains(np.arange(N_ARCHITECTURES)))
    assert len({leaf.name for leaf in leaves}) == len(leaves)
    for number, leaf in enumerate(leaves):
        if leaf.connected().size:
            drawn = leaf.sample(50, np.random.default_rng(seed))
            assert (leaf_A[drawn] == number).all()
            assert connected()[drawn].all()
    again = split(part, space, seed)
    assert [leaf.name for leaf in again] == [leaf.name for leaf in leaves]
    np.testing.assert_array_equal(route(again), leaf_A)


@pytest.mark.parametrize("part", OPTIONS, ids=str)
def test_on_the_full_space(part: Any) -> None:
    check(part, FULL, 0)
    assert (route(split(part)) >= 0).all()


@pytest.mark.parametrize("part", OPTIONS, ids=str)
@settings(max_examples=12, deadline=None)
@given(boxes, st.integers(0, 99))
def test_on_random_boxes(part: Any, space: Subspace, seed: int) -> None:
    assume(len(np.unique(live_cell_of()[space.members])) >= 5)
    check(part, space, seed)


def test_none_is_the_space_itself() -> None:
    [leaf] = split("none")
    np.testing.assert_array_equal(leaf.members, FULL.members)


@pytest.mark.parametrize("edge", range(6))
def test_single_edge_gives_five_leaves_of_3125(edge: int) -> None:
    leaves = split({"name": "single-edge", "edge": edge})
    assert [leaf.size for leaf in leaves] == [3125] * 5
    for op, leaf in enumerate(leaves):
        assert (all_codes()[leaf.members, edge] == op).all()
        assert leaf.name == f"edge {edge} = {OPERATIONS[op]}"
        assert leaf.mask_EO is not None


def test_single_edge_splits_the_first_edge_unless_told_otherwise() -> None:
    np.testing.assert_array_equal(route(split("single-edge")), all_codes()[:, 0])


def test_efs_group_sizes() -> None:
    leaves = split("efs-group")
    assert [leaf.size for leaf in leaves] == [9105, 5520, 1000]
    counts = [np.unique(nonlinearity_count()[leaf.members], return_counts=True) for leaf in leaves]
    assert [(count.tolist(), size.tolist()) for count, size in counts] == [
        ([0, 1], [1983, 7122]),
        ([2], [5520]),
        ([3], [1000]),
    ]


@pytest.mark.parametrize("number", [1, 2, 5, 7])
def test_random_leaves_hold_equal_numbers_of_whole_live_cells(number: int) -> None:
    leaves = split({"name": "random", "leaves": number})
    cells = [np.unique(live_cell_of()[leaf.members]) for leaf in leaves]
    sizes = [len(cell) for cell in cells]
    assert len(leaves) == number
    assert max(sizes) - min(sizes) <= 1
    assert sum(sizes) == 9445  # none is cut in two: dead-edge variants stay together
    leaf_A = route(leaves)
    np.testing.assert_array_equal(leaf_A, leaf_A[live_cell_of()])


def test_random_depends_on_the_generator_only() -> None:
    first, second = (route(split({"name": "random", "leaves": 5}, seed=seed)) for seed in (0, 1))
    agreement = (first == second).mean()
    assert 0.15 < agreement < 0.25


def test_random_leaves_resemble_the_space() -> None:
    """A control must not separate live cells by what they are: each operation is as frequent in every leaf."""

    def shares(members: np.ndarray) -> np.ndarray:
        return (all_codes()[np.unique(live_cell_of()[members])][:, :, None] == np.arange(5)).mean(axis=0)

    for leaf in split({"name": "random", "leaves": 4}):
        np.testing.assert_allclose(shares(leaf.members), shares(FULL.members), atol=0.03)


def test_random_refuses_more_leaves_than_live_cells() -> None:
    mask_EO = np.zeros((6, 5), dtype=bool)
    mask_EO[:, 1] = True
    mask_EO[3, :3] = True
    with pytest.raises(UsageError, match="'few' has 3 live cells, too few for 4 leaves"):
        split({"name": "random", "leaves": 4}, Subspace.box(mask_EO, "few"))


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"name": "random", "leaves": 0}, "leaves must be at least 1, found 0"),
        ({"name": "single-edge", "edge": 6}, "edge must be 0 to 5, found 6"),
        ({"name": "single-edge", "edge": -1}, "edge must be 0 to 5, found -1"),
        ({"name": "efs-accum", "thresholds": [20, 15]}, "positive and ascending"),
        ({"name": "efs-accum", "thresholds": [15, 15]}, "positive and ascending"),
        ({"name": "efs-accum", "thresholds": []}, "positive and ascending"),
        ({"name": "efs-accum", "thresholds": [0, 5]}, "positive and ascending"),
    ],
)
def test_impossible_options(part: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        partitioners.build(part)
