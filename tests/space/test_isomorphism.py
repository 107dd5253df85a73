"""Classes of equal cells against strings built one by one and against exact arithmetic."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from nasbench_harness import space

PRIME = 2**31 - 1


def computed_in_a_field(seed: int) -> npt.NDArray[np.uint64]:
    """Output of every cell when each operation is a random cubic without constant term over the integers mod a prime.

    Two cells that compute the same function for all operations give the same number; others hardly ever do.
    """
    rng = np.random.default_rng(seed)
    coefficients = rng.integers(1, PRIME, size=(5, 3)).astype(np.uint64)
    code_AE, p = space.all_codes(), np.uint64(PRIME)
    nodes = [np.full(len(code_AE), rng.integers(1, PRIME), dtype=np.uint64)]
    for node in (1, 2, 3):
        total_A = np.zeros(len(code_AE), dtype=np.uint64)
        for edge, (source, to) in enumerate(space.EDGES):
            if to != node:
                continue
            x_A = nodes[source]
            for operation, (a, b, c) in enumerate(coefficients):
                if operation == 0:
                    y_A = np.zeros_like(x_A)
                elif operation == 1:
                    y_A = x_A
                else:
                    y_A = (((a * x_A + b) % p * x_A + c) % p * x_A) % p
                total_A = np.where(code_AE[:, edge] == operation, (total_A + y_A) % p, total_A)
        nodes.append(total_A)
    return nodes[3]


def canonical_string(code: list[int], collapse_zero: bool) -> str:
    names = ["0"]
    for node in (1, 2, 3):
        terms = []
        for edge, (source, to) in enumerate(space.EDGES):
            if to == node:
                operation = space.OPERATIONS[code[edge]]
                zero = collapse_zero and (operation == "none" or names[source] == "#")
                applied = names[source] if operation == "skip_connect" else f"({names[source]})@{operation}"
                terms.append("#" if zero else applied)
        names.append("+".join(sorted(terms)))
    return names[3]


def same_partition(first_A: npt.NDArray[np.int64], second_A: npt.NDArray[np.int64]) -> bool:
    pairs = np.unique(np.stack([first_A, second_A]), axis=1).shape[1]
    return bool(len(np.unique(first_A)) == len(np.unique(second_A)) == pairs)


@pytest.mark.parametrize(("collapse_zero", "count"), [(False, 12751), (True, 6466)])
def test_reference_classes_are_those_of_the_canonical_string(collapse_zero: bool, count: int) -> None:
    class_A = space.reference_classes(collapse_zero)
    assert len(np.unique(class_A)) == count
    strings = [canonical_string(code, collapse_zero) for code in space.all_codes().tolist()]
    assert same_partition(class_A, np.unique(strings, return_inverse=True)[1])


def test_functional_classes_are_those_of_exact_arithmetic() -> None:
    class_A = space.functional_classes()
    assert len(np.unique(class_A)) == 4930
    assert same_partition(class_A, np.unique(computed_in_a_field(seed=0), return_inverse=True)[1])


@pytest.mark.parametrize("collapse_zero", [False, True])
def test_equal_canonical_strings_compute_the_same_function(collapse_zero: bool) -> None:
    # The two kinds of reference class are not nested: place-holders change the order of a sum that came through a skip.
    finer_A = space.reference_classes(collapse_zero)
    pairs = np.unique(np.stack([finer_A, space.functional_classes()]), axis=1).shape[1]
    assert pairs == len(np.unique(finer_A))


def test_dead_edge_variants_compute_the_same_function() -> None:
    class_A = space.functional_classes()
    np.testing.assert_array_equal(class_A[space.live_cell_of()], class_A)


def test_classes_are_numbered_by_their_first_member() -> None:
    for class_A in (space.reference_classes(False), space.reference_classes(True), space.functional_classes()):
        first_seen = np.unique(class_A, return_index=True)[1]
        assert (np.diff(first_seen) > 0).all()
