"""Which operations a cell needs for a group of architectures, and which rows each of them reads and writes.

Architectures of a supernet share weights, so an operation on an edge is one call for all of a group that choose it,
their images one after the other. A *row* is what one architecture, or several that are equal so far, has of all
images at a node. Plain numbers: ``group_engine`` does the arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nasbench_harness.space import CONV_1X1, CONV_3X3, EDGES, N_EDGES, NONE
from nasbench_harness.supernet.scoring.edge_cache import Step

Rows = npt.NDArray[np.int64]

NODES = (1, 2, 3)
ABSENT = -1
CALLS_A_CELL = N_EDGES * 4
"""The most calls of a plan whose edges have one set of weights each, whatever the size of the group."""


@dataclass(frozen=True, eq=False)
class Call:
    """One operation on ``inputs`` (rows of the node that ``edge`` starts from, distinct) by one set of weights.

    ``weights`` and ``copy`` are 0 where the operation has none.
    """

    edge: int
    op: int
    weights: int
    copy: int
    inputs: Rows


@dataclass(frozen=True, eq=False)
class NodePlan:
    """A node of a cell: the outputs of ``calls``, one after the other, are its terms.

    ``terms[j]`` names the (j + 1)-th term of the first ``len(terms[j])`` rows: rows with more terms come first, so that
    sums need no scattered writes. Of ``rows``, those without any term are last; they are zero.
    """

    calls: tuple[Call, ...]
    terms: tuple[Rows, ...]
    rows: int


@dataclass(frozen=True, eq=False)
class CellPlan:
    """The nodes behind the first, and for each architecture ``[M]`` the row of the last one."""

    nodes: tuple[NodePlan, NodePlan, NodePlan]
    output_M: Rows

    @property
    def calls(self) -> int:
        """Operation calls of the cell."""
        return sum(len(node.calls) for node in self.nodes)


def plan_cell(
    steps_M: Sequence[tuple[Step, ...]],
    copy_M: Rows,
    row_M: Rows,
    edge_weight_E: Sequence[float] = (1.0,) * N_EDGES,
) -> CellPlan:
    """The plan of a cell for architectures whose dead edges are ``none``.

    ``steps_M``: operation and set of weights of every edge, by architecture. ``copy_M`` ``[M]``: the copy of the cell
    that each uses. ``row_M`` ``[M]``: the row of the cell's input that each has. An edge of weight 0 is absent.
    """
    step_ME2 = np.array(steps_M, dtype=np.int64)
    op_ME, weights_ME = step_ME2[:, :, 0], step_ME2[:, :, 1]
    convolves_ME = np.isin(op_ME, (CONV_1X1, CONV_3X3))
    copy_ME = np.where(convolves_ME, copy_M[:, None], 0)
    row_of_node = [row_M]
    plans = []
    for node in NODES:
        term_of_edge, calls, count = [], [], 0
        for edge, (source, target) in enumerate(EDGES):
            if target != node:
                continue
            term_M = np.full(len(op_ME), ABSENT)
            here_M = (op_ME[:, edge] != NONE) & (row_of_node[source] != ABSENT) & (edge_weight_E[edge] != 0)
            if here_M.any():
                wanted = np.stack([op_ME[:, edge], weights_ME[:, edge], copy_ME[:, edge], row_of_node[source]], 1)
                distinct, which = np.unique(wanted[here_M], axis=0, return_inverse=True)
                term_M[here_M] = count + which.reshape(-1)
                count += len(distinct)
                calls += _calls(edge, distinct)
            term_of_edge.append(term_M)
        plan, row = _node(calls, np.stack(term_of_edge, 1), keeps_empty=node == NODES[-1])
        plans.append(plan)
        row_of_node.append(row)
    return CellPlan((plans[0], plans[1], plans[2]), row_of_node[-1])


def _calls(edge: int, distinct: Rows) -> list[Call]:
    """Calls of an edge from the sorted distinct ``[n, 4]`` operations, sets, copies and input rows."""
    changes = np.flatnonzero((distinct[1:, :3] != distinct[:-1, :3]).any(axis=1)) + 1
    parts = np.split(distinct, changes)
    return [Call(edge, int(one[0, 0]), int(one[0, 1]), int(one[0, 2]), one[:, 3]) for one in parts]


def _node(calls: list[Call], term_MT: Rows, keeps_empty: bool) -> tuple[NodePlan, Rows]:
    """The plan of a node from the terms of each architecture ``[M, edges]``, and the row that each has there.

    ``keeps_empty``: whether architectures without a term get a row of zeros instead of none.
    """
    distinct, which = np.unique(term_MT, axis=0, return_inverse=True)
    present = (distinct != ABSENT).sum(1)
    order = np.argsort(-present, kind="stable")
    if not keeps_empty:
        order = order[present[order] > 0]
    place = np.full(len(distinct), ABSENT)
    place[order] = np.arange(len(order))
    terms_of_row = [row[row != ABSENT] for row in distinct[order]]
    depth = int(present.max(initial=0))
    terms = tuple(np.array([row[j] for row in terms_of_row if len(row) > j]) for j in range(depth))
    return NodePlan(tuple(calls), terms, len(order)), place[which.reshape(-1)]
