"""Subspaces: sizes, membership, sampling, and partitions that cover."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nasbench_harness.errors import RunError, UsageError
from nasbench_harness.space import N_ARCHITECTURES, Subspace, all_codes, check_cover, connected, route

Mask = npt.NDArray[np.bool_]
masks = hnp.arrays(np.bool_, (6, 5))


def of(members: list[int], name: str = "some") -> Subspace:
    return Subspace(name, np.array(members, dtype=np.int64))


def single_edge_leaves(edge: int) -> list[Subspace]:
    leaves = []
    for operation in range(5):
        mask_EO = np.ones((6, 5), dtype=np.bool_)
        mask_EO[edge] = np.arange(5) == operation
        leaves.append(Subspace.box(mask_EO, f"leaf {operation}"))
    return leaves


@given(masks)
def test_a_box_holds_the_product_of_its_rows(mask_EO: Mask) -> None:
    box = Subspace.box(mask_EO, "box")
    assert box.size == int(mask_EO.sum(axis=1).prod())
    code_ME = all_codes()[box.members]
    assert mask_EO[np.arange(6), code_ME].all()
    if box.size:
        np.testing.assert_array_equal(box.used_EO, mask_EO)


@given(masks, masks)
def test_two_boxes_meet_in_a_box(first_EO: Mask, second_EO: Mask) -> None:
    first, second = Subspace.box(first_EO, "first"), Subspace.box(second_EO, "second")
    both = first.intersect(second, "both")
    assert set(both.members.tolist()) == set(first.members.tolist()) & set(second.members.tolist())
    assert both.mask_EO is not None
    predicate = first.intersect(Subspace.where(second.mask_A, "predicate"), "mixed")
    assert predicate.mask_EO is None
    np.testing.assert_array_equal(predicate.members, both.members)


@given(st.sets(st.integers(0, N_ARCHITECTURES - 1), max_size=30))
def test_a_predicate_holds_what_it_marks(chosen: set[int]) -> None:
    mask_A = np.isin(np.arange(N_ARCHITECTURES), list(chosen))
    subspace = Subspace.where(mask_A, "chosen")
    assert subspace.members.tolist() == sorted(chosen)
    np.testing.assert_array_equal(subspace.contains(np.arange(N_ARCHITECTURES)), mask_A)
    assert subspace.contains([[0, 1]]).shape == (1, 2)


def test_the_full_space_and_its_connected_part() -> None:
    full = Subspace.full()
    assert full.size == N_ARCHITECTURES
    assert full.connected().size == N_ARCHITECTURES - 341
    assert full.connected().mask_EO is None
    always = single_edge_leaves(edge=3)[1]
    assert always.connected() is always


@given(masks, st.integers(0, 2**32))
def test_samples_are_connected_members(mask_EO: Mask, seed: int) -> None:
    box = Subspace.box(mask_EO, "box")
    rng = np.random.default_rng(seed)
    if not connected()[box.members].any():
        with pytest.raises(UsageError, match="'box'"):
            box.sample(1, rng)
        return
    drawn = box.sample(50, rng)
    assert drawn.shape == (50,)
    assert box.contains(drawn).all()
    assert connected()[drawn].all()


@pytest.mark.parametrize("only_connected", [True, False])
def test_sampling_is_uniform(only_connected: bool) -> None:
    from scipy.stats import chisquare

    mask_EO = np.zeros((6, 5), dtype=np.bool_)
    mask_EO[:, 0] = mask_EO[[0, 2, 3, 5], 3] = mask_EO[2, 1] = True
    subspace = Subspace.box(mask_EO, "corner")
    candidates = subspace.connected().members if only_connected else subspace.members
    assert candidates.size == (14 if only_connected else 24)
    drawn = subspace.sample(48_000, np.random.default_rng(1), connected=only_connected)
    values, counts = np.unique(drawn, return_counts=True)
    np.testing.assert_array_equal(values, candidates)
    assert chisquare(counts).pvalue > 1e-3


def test_sampling_repeats_with_its_generator() -> None:
    first, second = (Subspace.full().sample(20, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("edge", range(6))
def test_single_edge_leaves_cover_the_space(edge: int) -> None:
    leaves = single_edge_leaves(edge)
    assert [leaf.size for leaf in leaves] == [3125] * 5
    check_cover(Subspace.full(), leaves)
    np.testing.assert_array_equal(route(leaves), all_codes()[:, edge])


@given(st.lists(st.integers(-1, 3), min_size=12, max_size=12))
def test_route_gives_the_leaf_of_every_member(leaf_of_row: list[int]) -> None:
    rows = np.arange(100, 112)
    leaves = [of(rows[np.array(leaf_of_row) == leaf].tolist(), f"leaf {leaf}") for leaf in range(4)]
    leaf_A = route(leaves)
    assert leaf_A[rows].tolist() == leaf_of_row
    assert (np.delete(leaf_A, rows) == -1).all()


@pytest.mark.parametrize(
    ("leaves", "fault"),
    [
        ([[0, 1], [2, 3]], "gap.*index 4"),
        ([[0, 1, 2], [2, 3, 4]], "overlap.*index 2"),
        ([[0, 1, 2, 3, 4], []], "empty leaf 'leaf 1'"),
        ([[0, 1, 2], [3, 4, 9]], "outside 'parent'.*index 9"),
        ([], "gap"),
    ],
)
def test_a_faulty_partition_is_named(leaves: list[list[int]], fault: str) -> None:
    parent = of([0, 1, 2, 3, 4], "parent")
    with pytest.raises(RunError, match=fault):
        check_cover(parent, [of(members, f"leaf {number}") for number, members in enumerate(leaves)])


@given(st.permutations(range(9)), st.integers(1, 8), st.sampled_from(["gap", "overlap", "empty", "outside", "none"]))
def test_cover_check_catches_a_planted_fault(order: list[int], cut: int, fault: str) -> None:
    parts = [sorted(order[:cut]), sorted(order[cut:])]
    if fault == "gap":
        parts[0] = parts[0][1:] or [parts[1].pop()]
    elif fault == "overlap":
        parts[0] = sorted({*parts[0], parts[1][0]})
    elif fault == "empty":
        parts.append([])
    elif fault == "outside":
        parts[1] = [*parts[1], 10]
    if fault == "gap" and not parts[1]:
        fault = "empty"
    parent, leaves = of(list(range(9)), "parent"), [of(part, f"leaf {n}") for n, part in enumerate(parts)]
    if fault == "none":
        check_cover(parent, leaves)
        return
    with pytest.raises(RunError, match=fault):
        check_cover(parent, leaves)


@pytest.mark.parametrize("members", [[3, 2], [1, 1], [[1, 2]], [-1], [N_ARCHITECTURES]])
def test_members_must_be_sorted_distinct_indices(members: list[int]) -> None:
    with pytest.raises(UsageError):
        of(members)


def test_a_mask_must_describe_the_members_and_have_the_right_shape() -> None:
    with pytest.raises(UsageError, match="not the box"):
        Subspace("wrong", np.array([1, 2]), np.ones((6, 5), dtype=np.bool_))
    with pytest.raises(UsageError, match=r"\[6, 5\]"):
        Subspace.box(np.ones((5, 6), dtype=np.bool_), "transposed")
    with pytest.raises(UsageError, match="bool"):
        Subspace.box(np.ones((6, 5)), "floats")
    with pytest.raises(UsageError, match="15625 rows"):
        Subspace.where(np.ones(3, dtype=np.bool_), "short")
