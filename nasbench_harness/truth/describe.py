"""What a truth table holds, as a JSON object: the content of ``truth info``."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from nasbench_harness.space import N_ARCHITECTURES, format_architecture
from nasbench_harness.truth.noise import noise_ceiling_of, proxy_ceiling_of
from nasbench_harness.truth.policy import TruthPolicy, truth_of
from nasbench_harness.truth.table import TruthTable

_BEST_SHOWN = 5


def describe(table: TruthTable) -> dict[str, Any]:
    """Name, sha256, rows, coverage, stored size in bytes, metadata, and for every column its policy and values.

    A column: ``policy`` (parts, or None where the name states none), ``n``, ``distinct``, ``min``, ``median``, ``max``,
    ``chance_accuracy``, ``best`` (up to five architectures at the maximum, with our and the benchmark's index),
    ``n_best``, ``noise_ceiling`` and, only where that is missing, ``noise_ceiling_proxy``.
    """
    stored = io.BytesIO()
    table.write(stored)
    return {
        "name": table.name,
        "sha256": table.sha256,
        "rows": N_ARCHITECTURES,
        "covered": int(table.covered.sum()),
        "bytes": len(stored.getvalue()),
        "benchmark_index": table.benchmark_index is not None,
        "columns": {column: _column(table, column) for column in table.columns},
        "meta": dict(table.meta),
    }


def _column(table: TruthTable, column: str) -> dict[str, Any]:
    policy = TruthPolicy.parse(column)
    if np.isnan(table.column(column)).all():
        return {"policy": policy.to_json() if policy else None, "n": 0}
    truth = truth_of(table, column)
    best = truth.index_A[truth.accuracy_A == truth.best]
    return {
        "policy": policy.to_json() if policy else None,
        "n": truth.n,
        "distinct": len(np.unique(truth.accuracy_A)),
        "min": float(truth.accuracy_A.min()),
        "median": float(np.median(truth.accuracy_A)),
        "max": truth.best,
        "chance_accuracy": truth.chance_accuracy,
        "n_best": len(best),
        "best": [_architecture(table, int(index)) for index in best[:_BEST_SHOWN]],
        "noise_ceiling": noise_ceiling_of(table, policy) if policy else None,
        "noise_ceiling_proxy": proxy_ceiling_of(table, policy) if policy else None,
    }


def _architecture(table: TruthTable, index: int) -> dict[str, Any]:
    number = None if table.benchmark_index is None else int(table.benchmark_index[index])
    return {"arch": format_architecture(index), "index": index, "benchmark_index": number}
