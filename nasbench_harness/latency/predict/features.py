"""What explains a latency: counts of executed operations, by kind or by edge, and terms for what is not additive.

Stages are not among them: all three share the cell, so whole-network latencies only tell the sum over stages.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import UsageError
from nasbench_harness.latency.predict.executed import executed_edges
from nasbench_harness.space import CONV_1X1, CONV_3X3, EDGES, N_ARCHITECTURES, NONE, OPERATIONS, all_codes
from nasbench_harness.space.architecture import frozen

FloatArray = npt.NDArray[np.float64]

FEATURES: dict[str, str] = {
    "kind": "a constant and one cost for each operation",
    "overhead": "kind, and costs for each sum of two inputs and for the longest chain of operations and convolutions",
    "pairs": "kind, and one term for each pair of operations (counts multiplied)",
    "position": "a constant and one cost for each operation on each edge",
    "position+pairs": "position, and the terms for pairs",
}

KINDS = tuple(op for op in range(len(OPERATIONS)) if op != NONE)
"""Operations with a cost of their own; `none` is the zero against which they count."""


@cache
def features(kind: str, rule: str) -> FloatArray:
    """Features of all architectures, float64 ``[15625, F]``, read-only, the constant first.

    ``kind``: one of ``FEATURES``; ``rule``: which edges count, one of ``predictor_executed.EXECUTED``.
    """
    if kind not in FEATURES:
        raise UsageError(f"no features '{kind}'; there are {', '.join(FEATURES)}")
    present_AEO = (all_codes()[:, :, None] == np.array(KINDS)) & executed_edges(rule)[:, :, None]
    count_AO = present_AEO.sum(axis=1).astype(np.float64)
    by_edge_AF = present_AEO.reshape(N_ARCHITECTURES, -1).astype(np.float64)
    parts: list[FloatArray] = [np.ones((N_ARCHITECTURES, 1)), by_edge_AF if kind.startswith("position") else count_AO]
    if kind.endswith("pairs"):
        parts.append(_pairs(count_AO))
    if kind == "overhead":
        parts.append(_overhead(rule))
    return frozen(np.ascontiguousarray(np.concatenate(parts, axis=1)))


def feature_names(kind: str) -> list[str]:
    """Names of the columns of ``features``."""
    operations = [OPERATIONS[op] for op in KINDS]
    names = ["constant"]
    if kind.startswith("position"):
        names += [f"{operation}~{source}{target}" for source, target in EDGES for operation in operations]
    else:
        names += operations
    if kind.endswith("pairs"):
        names += [f"{a}*{b}" for i, a in enumerate(operations) for b in operations[i:]]
    if kind == "overhead":
        names += ["sums", "longest_chain", "longest_convolutions"]
    return names


def _pairs(count_AO: FloatArray) -> FloatArray:
    n = count_AO.shape[1]
    return np.stack([count_AO[:, i] * count_AO[:, j] for i in range(n) for j in range(i, n)], axis=1)


def _overhead(rule: str) -> FloatArray:
    """Sums of inputs, and operations and convolutions on the path that has most of them: float64 ``[15625, 3]``."""
    code_AE = all_codes()
    runs_AE = (code_AE != NONE) & executed_edges(rule)
    into_AN = np.stack([runs_AE[:, [1, 2]].sum(axis=1), runs_AE[:, [3, 4, 5]].sum(axis=1)], axis=1)
    sums_A = np.maximum(into_AN - 1, 0).sum(axis=1)
    convolution_AE = np.isin(code_AE, (CONV_1X1, CONV_3X3)) & runs_AE
    chains = [_longest(runs_AE, step_AE) for step_AE in (runs_AE, convolution_AE)]
    return np.stack([sums_A, *chains], axis=1).astype(np.float64)


def _longest(runs_AE: npt.NDArray[np.bool_], step_AE: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Most steps on any chain of edges that run, int64 ``[A]``; the chain may begin at any node."""
    depth_AN = np.zeros((N_ARCHITECTURES, 4), dtype=np.int64)
    for edge, (source, target) in enumerate(EDGES):  # sorted by target, so a source is final when it is read
        reached_A = np.where(runs_AE[:, edge], depth_AN[:, source] + step_AE[:, edge], 0)
        depth_AN[:, target] = np.maximum(depth_AN[:, target], reached_A)
    return np.asarray(depth_AN.max(axis=1))
