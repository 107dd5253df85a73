"""Cell copies of EFS-NAS's released code: its table, and the same rule at other depths."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nasbench_harness.partitioners import EfsAccum, EfsGroup, NoPartition, RandomPartition, SingleEdge
from nasbench_harness.space import N_ARCHITECTURES, Subspace, nonlinearity_count, route

# thresholds -> copies of the 15 cells for nonlinearity counts 0 to 3 (methods 5.2)
RELEASED = {
    (25,): ("00000 0000000000", "00000 0000000000", "00000 0000000111", "00000 0001111111"),
    (15,): ("00000 0000000000", "00000 0000000000", "00000 0011111111", "00000 1111111111"),
    (15, 20): ("00000 0000000000", "00000 0000000000", "00000 0011122222", "00000 1222222222"),
    # released too, without a printed table: worked out by hand from the rule
    (20,): ("00000 0000000000", "00000 0000000000", "00000 0000011111", "00000 0111111111"),
    (10, 30): ("00000 0000000000", "00000 0000011111", "00000 1111111111", "00000 1111122222"),
    (15, 30): ("00000 0000000000", "00000 0000000000", "00000 0011111111", "00000 1111122222"),
    (10, 20, 30): ("00000 0000000000", "00000 0000011111", "00000 1111122222", "00000 1222233333"),
}


def split(thresholds: tuple[int, ...]) -> list[Subspace]:
    return EfsAccum(thresholds).split(Subspace.full(), None, np.random.default_rng(0))


@pytest.mark.parametrize("thresholds", RELEASED, ids=str)
def test_routes_of_the_released_network(thresholds: tuple[int, ...]) -> None:
    for count, copies in enumerate(RELEASED[thresholds]):
        expected = tuple(int(digit) for digit in copies.replace(" ", ""))
        assert EfsAccum(thresholds).route(count, 15) == expected


@pytest.mark.parametrize("thresholds", RELEASED, ids=str)
def test_a_leaf_holds_the_architectures_of_one_route(thresholds: tuple[int, ...]) -> None:
    partitioner, leaves = EfsAccum(thresholds), split(thresholds)
    assert len(leaves) == len(set(RELEASED[thresholds]))
    leaf_A = route(leaves)
    for architecture in range(0, N_ARCHITECTURES, 7):
        own = partitioner.route(int(nonlinearity_count()[architecture]), 15)
        assert partitioner.cell_copies(leaves[leaf_A[architecture]], 15) == own


@example((45,), 3, 7)
@given(
    st.sets(st.integers(1, 45), min_size=1, max_size=4).map(lambda found: tuple(sorted(found))),
    st.integers(0, 3),
    st.integers(1, 8),
)
def test_other_depths_scale_the_thresholds(thresholds: tuple[int, ...], count: int, cells: int) -> None:
    """Exceeding a scaled threshold is decided exactly: 45 x 21 / 15 is 63, and not a little less."""
    copies = EfsAccum(thresholds).route(count, 3 * cells)
    expected = [
        sum(count * (position + 1) > Fraction(threshold * 3 * cells, 15) for threshold in thresholds)
        for position in range(3 * cells)
    ]
    assert list(copies) == [0] * cells + expected[cells:]


def test_at_three_cells_the_presets_thresholds_still_tell_the_counts_apart() -> None:
    routes = [EfsAccum((15, 20)).route(count, 3) for count in range(4)]
    assert routes == [(0, 0, 0), (0, 0, 0), (0, 1, 2), (0, 2, 2)]


def test_other_partitioners_give_every_leaf_a_network_of_its_own() -> None:
    for partitioner in (NoPartition(), SingleEdge(), EfsGroup(), RandomPartition(2)):
        for leaf in partitioner.split(Subspace.full(), None, np.random.default_rng(0)):
            assert partitioner.cell_copies(leaf, 15) is None
