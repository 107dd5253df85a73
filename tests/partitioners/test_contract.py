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
    {"name": "single-edge", "edge": "random"},
    {"name": "single-edge", "edges": [0, 3]},
    {"name": "random", "leaves": 2},
    {"name": "gradient-matching", "objective": "worst", "edge": 4},
    {"name": "random-edge", "edge": 5},
    *({"name": "hierarchy", "hierarchy": node, "groups": "gradient"} for node in (1, 3)),
    *({"name": "hierarchy", "hierarchy": node, "groups": "operations"} for node in (1, 2)),
    {"name": "hierarchy", "groups": "random"},
    {"name": "hierarchy", "groups": "worst"},
    {"name": "efs-accum", "thresholds": [10, 20, 30]},
    {"name": "efs-accum-random", "thresholds": [10, 20, 30]},
]
boxes = hnp.arrays(np.bool_, (6, 5)).map(lambda mask_EO: Subspace.box(mask_EO, "box"))


class FakeProbe:
    """Distances that depend on the edge alone."""

    def validation_score(self, architectures: np.ndarray) -> np.ndarray:
        return np.zeros(len(architectures))

    def gradient_distances(self, subspace: Subspace, edge: int, repeats: int, rng: np.random.Generator) -> np.ndarray:
        half_OO = np.triu(np.random.default_rng(edge).random((5, 5)), 1)
        return half_OO + half_OO.T


def split(part: Any, space: Subspace = FULL, seed: int = 0) -> list[Subspace]:
    partitioner = partitioners.build(part)
    probe = FakeProbe() if partitioner.needs_probe else None
    return partitioner.split(space, probe, np.random.default_rng(seed))


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


def test_single_edge_at_depth_two_gives_25_leaves_of_625() -> None:
    leaves = split({"name": "single-edge", "edges": [0, 3]})
    assert [leaf.size for leaf in leaves] == [625] * 25
    np.testing.assert_array_equal(route(leaves), all_codes()[:, 0].astype(int) * 5 + all_codes()[:, 3])
    assert leaves[1].name == "edge 0 = none, edge 3 = skip_connect"


def test_a_random_single_edge_is_one_of_six() -> None:
    found = {split({"name": "single-edge", "edge": "random"}, seed=seed)[0].name for seed in range(60)}
    assert found == {f"edge {edge} = none" for edge in range(6)}


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
        ({"name": "single-edge", "edges": [0, 6]}, "edge must be 0 to 5, found 6"),
        ({"name": "single-edge", "edges": [2, 2]}, "edges must differ"),
        ({"name": "single-edge", "edge": "any"}, "edge"),
        ({"name": "gradient-matching", "edge": 7}, "edge must be 0 to 5, found 7"),
        ({"name": "gradient-matching", "repeats": 0}, "repeats must be at least 1"),
        ({"name": "gradient-matching", "objective": "good"}, "objective"),
        ({"name": "random-edge", "edge": 7}, "edge must be 0 to 5, found 7"),
        ({"name": "hierarchy", "hierarchy": 0}, "hierarchy must be 1, 2 or 3, found 0"),
        ({"name": "hierarchy", "repeats": 0}, "repeats must be at least 1"),
        ({"name": "efs-accum", "thresholds": [20, 15]}, "positive and ascending"),
        ({"name": "efs-accum", "thresholds": [15, 15]}, "positive and ascending"),
        ({"name": "efs-accum", "thresholds": []}, "positive and ascending"),
        ({"name": "efs-accum", "thresholds": [0, 5]}, "positive and ascending"),
    ],
)
def test_impossible_options(part: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        partitioners.build(part)
