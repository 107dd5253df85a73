"""Single operations at each stage, timed in interleaved rounds."""

from __future__ import annotations

from typing import Any

from nasbench_harness.latency.importers.operations import FORMAT
from nasbench_harness.latency.measure.clock import OUTLIER_RULE, interleaved
from nasbench_harness.latency.measure.work import EMPTY, OPERATION_PLACES, Bench
from nasbench_harness.space import N_STAGES, NONE, OPERATIONS


def time_operations(bench: Bench, column: str) -> dict[str, Any]:
    """The per-operation table, in the form that ``importers_operations`` reads.

    The constant is a network of single skip connections, less its skips. Sums of two edges are not timed.
    """
    conditions = bench.conditions
    works = [bench.operation(op, stage) for op, stage in OPERATION_PLACES]
    *timings, empty = interleaved(
        [*works, bench.architecture(EMPTY)], conditions.repeats, conditions.warm_up, bench.clock
    )
    costs = {OPERATIONS[op]: [0.0] * N_STAGES for op in range(len(OPERATIONS)) if op != NONE}
    spreads = {operation: [0.0] * N_STAGES for operation in costs}
    for (op, stage), timing in zip(OPERATION_PLACES, timings, strict=True):
        costs[OPERATIONS[op]][stage], spreads[OPERATIONS[op]][stage] = timing.median, timing.iqr
    skips = conditions.cells * sum(costs["skip_connect"])
    return {
        "format": FORMAT,
        "column": f"{column}_operations",
        "constant_ms": max(empty.median - skips, 0.0),
        "cells": conditions.cells,
        "executed": "live",
        "operations_ms": costs,
        "iqr_ms": spreads,
        "outlier_rule": OUTLIER_RULE,
        "device": bench.info("not locked").to_json(),
    }
