"""Cell copies of EFS-NAS's released code: its table, and the same rule at other depths."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nasbench_harness.errors import UsageError
from nasbench_harness.partitioners import EfsAccum, EfsGroup, NoPartition, RandomPartition, RandomRouting, SingleEdge
from nasbench_harness.space import N_ARCHITECTURES, Subspace, connected, live_cell_of, nonlinearity_count, route

# thresholds -> copies of the 15 cells for nonlinearity counts 0 to 3, as in the released code
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


@pytest.mark.parametrize("thresholds", [(15, 20), (10, 20, 30)], ids=str)
@pytest.mark.parametrize("seed", [0, 1])
def test_random_routing_keeps_routes_and_sizes_and_nothing_else(thresholds: tuple[int, ...], seed: int) -> None:
    control, method = RandomRouting(thresholds), split(thresholds)
    leaves = control.split(Subspace.full(), None, np.random.default_rng(seed))
    assert [leaf.size for leaf in leaves] == [leaf.size for leaf in method]
    assert [leaf.connected().size for leaf in leaves] == [leaf.connected().size for leaf in method]
    for cells in (3, 15):
        assert [control.cell_copies(leaf, cells) for leaf in leaves] == [
            EfsAccum(thresholds).cell_copies(leaf, cells) for leaf in method
        ]
    leaf_A, method_A = route(leaves), route(method)
    np.testing.assert_array_equal(leaf_A[connected()], leaf_A[live_cell_of()][connected()])
    np.testing.assert_array_equal(leaf_A[~connected()], method_A[~connected()])
    # where an architecture goes says nothing about its count: as many meet by chance as independent draws would
    share = np.bincount(method_A[connected()]) / connected().sum()
    assert (leaf_A == method_A)[connected()].mean() == pytest.approx(float(share @ share), abs=0.03)


def test_random_routing_depends_on_the_seed_and_refuses_leaves_of_others() -> None:
    one, other = (route(RandomRouting().split(Subspace.full(), None, np.random.default_rng(s))) for s in (0, 1))
    assert (one != other).mean() > 0.3
    with pytest.raises(UsageError, match="efs-accum-random has no leaf 'full'"):
        RandomRouting().cell_copies(Subspace.full(), 3)
    with pytest.raises(UsageError, match="must be positive and ascending"):
        RandomRouting((20, 15))
