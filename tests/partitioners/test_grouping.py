"""Gradient matching, hierarchies and random edges, on distances that are known."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench_harness.errors import UsageError
from nasbench_harness.partitioners import Hierarchy, partitioners
from nasbench_harness.partitioners.grouping import cut_of, divide, grouping_by, groupings, unsplit_edges
from nasbench_harness.space import Subspace, nonlinearity_count

FULL = Subspace.full()


class Known:
    """A probe that gives back known distances and notes what it was asked."""

    def __init__(self, distances: dict[int, np.ndarray]) -> None:
        self.distances = distances
        self.passes = 0
        self.edges: list[int] = []

    def validation_score(self, architectures: np.ndarray) -> np.ndarray:
        raise AssertionError("not asked by these partitioners")

    def gradient_distances(self, subspace: Subspace, edge: int, repeats: int, rng: np.random.Generator) -> np.ndarray:
        self.passes += repeats * int(subspace.used_EO[edge].sum())
        self.edges.append(edge)
        return self.distances[edge]


def random_distances(seed: int) -> np.ndarray:
    half_OO = np.triu(np.random.default_rng(seed).random((5, 5)), 1)
    return half_OO + half_OO.T


def blocks(group: tuple[int, ...], far: float) -> np.ndarray:
    """Distance ``far`` between ``group`` and the rest, 0.1 inside either."""
    inside = np.isin(np.arange(5), group)
    distance_OO = np.where(inside[:, None] == inside, 0.1, far)
    np.fill_diagonal(distance_OO, 0)
    return distance_OO


@pytest.mark.parametrize(("operations", "number"), [(range(5), 10), (range(4), 3), ((0, 2, 4), 3), ((1, 3), 1)])
def test_all_halves_are_listed_once(operations: Any, number: int) -> None:
    found = groupings(tuple(operations))
    assert len({frozenset(groups) for groups in found}) == len(found) == number
    for first, second in found:
        assert sorted((*first, *second)) == sorted(operations)
        assert 0 <= len(second) - len(first) <= 1


@given(st.integers(0, 10_000))
def test_the_grouping_is_that_of_an_exhaustive_check(seed: int) -> None:
    distance_OO = random_distances(seed)

    def within(pair: tuple[int, ...]) -> float:
        rest = [op for op in range(5) if op not in pair]
        return float(distance_OO[pair] + sum(distance_OO[a, b] for a in rest for b in rest if a < b))

    pairs = list(combinations(range(5), 2))
    assert len(pairs) == 10
    assert grouping_by(distance_OO, range(5))[0] == min(pairs, key=within)
    assert grouping_by(distance_OO, range(5), "worst")[0] == max(pairs, key=within)
    best = grouping_by(distance_OO, range(5))
    between = sum(distance_OO[a, b] for a in best[0] for b in best[1])
    assert cut_of(distance_OO, best) == pytest.approx(between)


def test_gradient_matching_divides_the_edge_with_the_largest_cut() -> None:
    distances = {edge: blocks((1, 3), 0.5) for edge in range(6)}
    distances[4] = blocks((0, 2), 0.9)
    probe = Known(distances)
    partitioner = partitioners.build({"name": "gradient-matching", "repeats": 7})
    leaves = partitioner.split(FULL, probe, np.random.default_rng(0))
    assert [leaf.name for leaf in leaves] == [
        "edge 4 = none|nor_conv_1x1",
        "edge 4 = skip_connect|nor_conv_3x3|avg_pool_3x3",
    ]
    assert [leaf.size for leaf in leaves] == [6250, 9375]
    assert probe.passes == partitioner.gradient_passes(FULL) == 7 * 30
    # the divided edge is not asked about again
    again = Known(distances)
    assert len(partitioner.split(leaves[0], again, np.random.default_rng(0))) == 2
    assert again.edges == [0, 1, 2, 3, 5]
    assert again.passes == partitioner.gradient_passes(leaves[0]) == 7 * 25


def test_the_worst_cut_keeps_the_edge_and_groups_what_differs() -> None:
    distances = {edge: blocks((1, 3), 0.5) for edge in range(6)}
    distances[4] = blocks((0, 2), 0.9)
    partitioner = partitioners.build({"name": "gradient-matching", "objective": "worst"})
    first, second = partitioner.split(FULL, Known(distances), np.random.default_rng(0))
    assert first.name.startswith("edge 4 = ")
    assert not {"none|nor_conv_1x1"} & {first.name.removeprefix("edge 4 = "), second.name.removeprefix("edge 4 = ")}


def test_a_forced_edge_is_the_only_one_asked_about() -> None:
    probe = Known({edge: random_distances(edge) for edge in range(6)})
    partitioner = partitioners.build({"name": "gradient-matching", "edge": 2})
    leaves = partitioner.split(FULL, probe, np.random.default_rng(0))
    assert probe.edges == [2]
    assert all(leaf.name.startswith("edge 2 = ") for leaf in leaves)


def test_what_cannot_be_divided_stays_whole() -> None:
    mask_EO = np.zeros((6, 5), dtype=bool)
    mask_EO[:, 3] = True
    point = Subspace.box(mask_EO, "point")
    assert unsplit_edges(point) == []
    for name in ("gradient-matching", "random-edge"):
        [leaf] = partitioners.build(name).split(point, Known({}), np.random.default_rng(0))
        np.testing.assert_array_equal(leaf.members, point.members)


def test_a_set_that_is_no_box_is_divided_too() -> None:
    odd = Subspace.where(nonlinearity_count() == 2, "odd")
    first, second = divide(odd, {0: [(0, 1), (2, 3, 4)]})
    assert first.size + second.size == odd.size
    assert (nonlinearity_count()[first.members] == 2).all()


@pytest.mark.parametrize(("groups", "sizes"), [("gradient", (2, 4, 8)), ("operations", (5, 25, 125))])
def test_children_of_a_hierarchy(groups: str, sizes: tuple[int, ...]) -> None:
    distances = {edge: random_distances(edge) for edge in range(6)}
    for node, size, edges in zip((1, 2, 3), sizes, ((0,), (1, 2), (3, 4, 5)), strict=True):
        partitioner = partitioners.build({"name": "hierarchy", "hierarchy": node, "groups": groups})
        assert isinstance(partitioner, Hierarchy)
        probe = Known(distances)
        leaves = partitioner.split(FULL, probe, np.random.default_rng(0))
        assert len(leaves) == partitioner.expected_children == size
        assert sum(leaf.size for leaf in leaves) == 15625
        assert partitioner.edges == edges
        assert probe.passes == partitioner.gradient_passes(FULL)
        assert tuple(probe.edges) == (edges if groups == "gradient" else ())
        for leaf in leaves:
            others = [edge for edge in range(6) if edge not in edges]
            assert leaf.used_EO[others].all()


def test_random_groups_of_an_edge_are_all_ten() -> None:
    found = {
        partitioners.build({"name": "random-edge", "edge": 0}).split(FULL, None, np.random.default_rng(seed))[0].name
        for seed in range(200)
    }
    assert len(found) == 10


@pytest.mark.parametrize("name", ["gradient-matching", "hierarchy"])
def test_without_a_probe_the_message_says_what_to_use(name: str) -> None:
    with pytest.raises(UsageError, match="asks a trained supernet; use it with tree-few-shot or hep-rank"):
        partitioners.build(name).split(FULL, None, np.random.default_rng(0))
