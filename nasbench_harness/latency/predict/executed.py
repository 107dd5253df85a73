"""Which edges of a cell a device spends time on: four rules, from the whole cell to the live edges only.

An interpreter that runs every line of the model executes all edges. A compiler drops what cannot reach the output, yet
often computes what is fed by zeros. One that also fuses constants has a quirk of its own: the benchmark's ``none``
multiplies a node by zero. Where that node is the result of a single convolution, the factor is folded into the
convolution's weights, and a convolution with zero weights is run.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import UsageError
from nasbench_harness.space import CONV_1X1, CONV_3X3, N_ARCHITECTURES, N_EDGES, NONE, POOL, SKIP, all_codes, live_edges
from nasbench_harness.space.architecture import frozen

BoolArray = npt.NDArray[np.bool_]


def _all() -> BoolArray:
    return np.ones((N_ARCHITECTURES, N_EDGES), dtype=np.bool_)


def _needed(need1_A: BoolArray, need2_A: BoolArray) -> BoolArray:
    """Edges into nodes that are needed; node 3, the output, always is."""
    always_A = np.ones(N_ARCHITECTURES, dtype=np.bool_)
    return np.stack([need1_A, need2_A, need2_A, always_A, always_A, always_A], axis=1)


def _reaching() -> BoolArray:
    _, _, edge12_A, _, edge13_A, edge23_A = (all_codes() != NONE).T
    return _needed(edge13_A | (edge12_A & edge23_A), edge23_A)


# What a node holds, as far as the compiler can tell: zero, the cell's input, the bare result of one convolution (named
# by its edge), or anything else.
_ZERO, _INPUT, _OTHER = 0, 1, 2
_FROM_EDGE = 10


def _carried(edge: int, code_AE: npt.NDArray[np.uint8], source_A: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """What an edge adds to its target: int64 ``[A]``."""
    op_A = code_AE[:, edge]
    choices = [op_A == NONE, op_A == SKIP, (op_A == CONV_1X1) | (op_A == CONV_3X3), op_A == POOL]
    return np.select(choices, [np.full_like(source_A, _ZERO), source_A, _FROM_EDGE + edge, _OTHER])


def _compiled() -> BoolArray:
    code_AE = all_codes()
    edge12_A, edge13_A, edge23_A = (code_AE[:, edge] != NONE for edge in (2, 4, 5))
    input_A = np.full(N_ARCHITECTURES, _INPUT, dtype=np.int64)
    node1_A = _carried(0, code_AE, input_A)
    direct_A, through_A = _carried(1, code_AE, input_A), _carried(2, code_AE, node1_A)
    alone_A = np.where(direct_A == _ZERO, through_A, direct_A)
    node2_A = np.where((direct_A != _ZERO) & (through_A != _ZERO), _OTHER, alone_A)
    need2_A = edge23_A | (node2_A >= _FROM_EDGE)
    # fused only where the convolution has no other reader than the multiplications by zero
    unread_A = ~edge12_A | ((code_AE[:, 2] == SKIP) & (node2_A == node1_A))
    need1_A = edge13_A | (edge12_A & need2_A) | ((node1_A >= _FROM_EDGE) & unread_A)
    return _needed(need1_A, need2_A)


EXECUTED: dict[str, tuple[str, Callable[[], BoolArray]]] = {
    "all": ("every edge, as an interpreter runs the model", _all),
    "compiled": ("edges that reach the output, and convolutions whose zero was folded into their weights", _compiled),
    "reaching": ("edges whose target reaches the output", _reaching),
    "live": ("edges on a path from input to output", lambda: np.array(live_edges())),
}


@cache
def executed_edges(rule: str) -> BoolArray:
    """Bool ``[15625, 6]``, read-only: whether each edge costs time under a rule of ``EXECUTED``."""
    if rule not in EXECUTED:
        raise UsageError(f"no rule of executed edges '{rule}'; there are {', '.join(EXECUTED)}")
    return frozen(EXECUTED[rule][1]())
