"""Classes of architectures that describe the same computation.

Members of a class do not share supernet weights (only dead-edge variants do), so the classes serve analysis, not
scoring.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from nasbench_harness.space.architecture import EDGES, N_OPERATIONS, NONE, OPERATIONS, SKIP, frozen

_ZERO = "#"

# An expression of a node built from its inputs: (operation number, expression of the source) for every edge into it.
Combine = Callable[[Sequence[tuple[int, Hashable]]], Hashable]


@cache
def reference_classes(collapse_zero: bool) -> npt.NDArray[np.int64]:
    """Class number of every architecture under the benchmark's canonical string, int64 [15625]; read-only.

    `collapse_zero=False` reads through skip connections: 12,751 classes. `collapse_zero=True` also turns `none`, and
    any operation on a zero, into a place-holder: 6,466 classes, the number usually quoted. The place-holders stay in
    sums, so it counts too many; see `functional_classes`. Numbers follow the first member.
    """

    def combine(terms: Sequence[tuple[int, Hashable]]) -> Hashable:
        written = []
        for operation, source in terms:
            if collapse_zero and (operation == NONE or source == _ZERO):
                written.append(_ZERO)
            elif operation == SKIP:
                written.append(str(source))
            else:
                written.append(f"({source})@{OPERATIONS[operation]}")
        return "+".join(sorted(written))

    return _numbered(combine, cell_input="0")


@cache
def functional_classes() -> npt.NDArray[np.int64]:
    """Class number of every architecture by what the cell computes, int64 [15625]; read-only. 4,930 classes.

    A node is a sum, held as a sorted tuple of terms: zero terms are dropped and a skip connection adds the terms of its
    source one by one. Weights are ignored: equal operations on equal inputs are equal terms.
    """
    number_of_term: dict[tuple[int, Hashable], int] = {}

    def combine(terms: Sequence[tuple[int, Hashable]]) -> Hashable:
        summands: list[int] = []
        for operation, source in terms:
            assert isinstance(source, tuple)
            if operation == NONE or not source:
                continue
            if operation == SKIP:
                summands.extend(source)
            else:
                summands.append(number_of_term.setdefault((operation, source), len(number_of_term) + 1))
        return tuple(sorted(summands))

    return _numbered(combine, cell_input=(0,))


def _numbered(combine: Combine, cell_input: Hashable) -> npt.NDArray[np.int64]:
    """Number the output expressions of all architectures in order of first appearance.

    Nodes are built once for each prefix of the code (5, 125, then 15,625 expressions), in index order.
    """
    prefixes: list[list[Hashable]] = [[cell_input]]
    for node in (1, 2, 3):
        n_inputs = sum(target == node for _, target in EDGES)
        choices = list(itertools.product(range(N_OPERATIONS), repeat=n_inputs))
        prefixes = [
            [*sources, combine(list(zip(choice, sources, strict=True)))] for sources in prefixes for choice in choices
        ]
    number_of: dict[Hashable, int] = {}
    numbers = [number_of.setdefault(nodes[-1], len(number_of)) for nodes in prefixes]
    return frozen(np.array(numbers, dtype=np.int64))
