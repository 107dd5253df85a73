"""Architectures of the NAS-Bench-201 cell space as codes, indices and strings.

A code is six operation numbers, one for each edge in the order of `EDGES`; an index is that code read in base 5 with
edge 0 as the most significant digit. Edges and operations are numbered as in the benchmark's code; its order of
architectures is a column of its tables, not this.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from functools import cache
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import HarnessError, UsageError

OPERATIONS: tuple[str, ...] = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES: tuple[tuple[int, int], ...] = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
N_EDGES = len(EDGES)
N_OPERATIONS = len(OPERATIONS)
N_ARCHITECTURES = N_OPERATIONS**N_EDGES
NONE, SKIP, CONV_1X1, CONV_3X3, POOL = range(N_OPERATIONS)

_PLACE_VALUES = N_OPERATIONS ** np.arange(N_EDGES - 1, -1, -1, dtype=np.int64)
_EDGE_NUMBERS_BY_NODE = tuple(tuple(e for e, (_, to) in enumerate(EDGES) if to == node) for node in (1, 2, 3))
_EXAMPLE = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|"

Array = TypeVar("Array", bound=npt.NDArray[Any])


def frozen(array: Array) -> Array:
    """The same array, marked read-only: cached arrays are shared by everybody who asks for them."""
    array.flags.writeable = False
    return array


@cache
def all_codes() -> npt.NDArray[np.uint8]:
    """Codes of all architectures in index order: uint8 [15625, 6], read-only."""
    grid = np.indices((N_OPERATIONS,) * N_EDGES, dtype=np.uint8)
    return frozen(np.ascontiguousarray(grid.reshape(N_EDGES, N_ARCHITECTURES).T))


def code_to_index(code: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Index of each code, int64 [...] for codes [..., 6]; `UsageError` for a wrong shape or an unknown operation."""
    code_E = np.asarray(code)
    if code_E.ndim == 0 or code_E.shape[-1] != N_EDGES or code_E.dtype.kind not in "iu":
        raise UsageError(
            f"a code is {N_EDGES} integers 0..4, found shape {code_E.shape} of {code_E.dtype}: pass [..., 6]"
        )
    if code_E.size and (code_E.min() < 0 or code_E.max() >= N_OPERATIONS):
        raise UsageError(f"operation numbers are 0..4, found {code_E.min()}..{code_E.max()}: see space.OPERATIONS")
    return np.asarray(code_E.astype(np.int64) @ _PLACE_VALUES, dtype=np.int64)


def index_to_code(index: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Code of each index, uint8 [..., 6] for indices [...]; `UsageError` outside 0..15624."""
    return np.asarray(all_codes()[checked_indices(index)])


def checked_indices(index: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Indices as int64 of the same shape; `UsageError` unless they are integers in 0..15624."""
    index_A = np.asarray(index)
    if index_A.size == 0:
        return index_A.astype(np.int64)
    if index_A.dtype.kind not in "iu":
        raise UsageError(f"an architecture index is an integer, found {index_A.dtype}: convert it first")
    if index_A.min() < 0 or index_A.max() >= N_ARCHITECTURES:
        found = f"{index_A.min()}..{index_A.max()}"
        raise UsageError(
            f"architecture indices are 0..{N_ARCHITECTURES - 1}, found {found}: check where they come from"
        )
    return index_A.astype(np.int64)


@cache
def all_strings() -> tuple[str, ...]:
    """The benchmark's string of every architecture, in index order: `|op~0|+|op~0|op~1|+|op~0|op~1|op~2|`."""
    nodes = []
    for edges in _EDGE_NUMBERS_BY_NODE:
        terms = [[f"{operation}~{EDGES[edge][0]}" for operation in OPERATIONS] for edge in edges]
        nodes.append(["|" + "|".join(chosen) + "|" for chosen in itertools.product(*terms)])
    # The edges of one node are neighbours in the code, so the product over nodes runs in index order.
    return tuple("+".join(chosen) for chosen in itertools.product(*nodes))


@cache
def _index_of_string() -> dict[str, int]:
    return {text: index for index, text in enumerate(all_strings())}


def format_architecture(index: int) -> str:
    """The benchmark's string of one architecture; `UsageError` outside 0..15624."""
    return all_strings()[int(checked_indices(index))]


def parse_architecture(text: str, error: type[HarnessError] = UsageError) -> int:
    """Index of an architecture string; outer blanks are ignored.

    Raises `error` (`UsageError` unless the caller reads a file and says `DataError`) that names the text and its fault.
    """
    found = _index_of_string().get(text)
    if found is None:
        found = _index_of_string().get(text.strip())
    if found is None:
        raise error(f"not an architecture: {text!r}: {_fault(text.strip())}; expected a string like {_EXAMPLE}")
    return found


def parse_architectures(texts: Iterable[str], error: type[HarnessError] = UsageError) -> npt.NDArray[np.int64]:
    """Indices of many architecture strings, int64 [n]; errors as in `parse_architecture`."""
    known = _index_of_string()
    return np.array([known[t] if t in known else parse_architecture(t, error) for t in texts], dtype=np.int64)


def _fault(text: str) -> str:
    """What is wrong with a string that is no architecture: the first fault from the left."""
    nodes = text.split("+")
    if len(nodes) != len(_EDGE_NUMBERS_BY_NODE):
        return f"{len(nodes)} node(s) separated by '+' where 3 are needed"
    for number, node in enumerate(nodes, start=1):
        if len(node) < 2 or not (node.startswith("|") and node.endswith("|")):
            return f"node {number} ({node!r}) must begin and end with '|'"
        terms = node[1:-1].split("|")
        if len(terms) != number:
            return f"node {number} has {len(terms)} input(s) where {number} are needed"
        for source, term in enumerate(terms):
            operation, tilde, came_from = term.partition("~")
            if operation not in OPERATIONS:
                return f"unknown operation {operation!r} at node {number} (known: {', '.join(OPERATIONS)})"
            if not tilde or came_from != str(source):
                return f"input {source} of node {number} is written {term!r} and must end with '~{source}'"
    return "unexpected characters"
