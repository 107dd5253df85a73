"""Per-operation tables: a constant and milliseconds per operation and stage, added up over the edges that execute.

The JSON is what ``latency measure --operations`` writes::

    {"format": "nasbench-harness operation latencies", "constant_ms": 1.2, "cells": 5, "executed": "live",
     "operations_ms": {"skip_connect": [s1, s2, s3], ...}, "device": {...}}

An architecture's latency is ``constant_ms + cells * sum over edges and stages``; an operation that is not named costs
nothing. This is the kind of look-up table that PAD-NAS uses, and the only source that tells the stages apart: in
latencies of whole networks all three stages share the cell, so only their sum can be identified.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from nasbench_harness.errors import DataError
from nasbench_harness.latency.importers.rows import LatencyRows
from nasbench_harness.latency.predict.executed import EXECUTED, executed_edges
from nasbench_harness.latency.table import DeviceInfo
from nasbench_harness.space import N_ARCHITECTURES, N_STAGES, OPERATIONS, all_codes
from nasbench_harness.system.reading import read_json, why

FORMAT = "nasbench-harness operation latencies"


class OperationsImporter:
    """Adds a per-operation table up into a column for all architectures."""

    name = "operation table"

    def recognises(self, path: Path) -> bool:
        return path.suffix.lower() == ".json"

    def read(self, path: Path) -> LatencyRows:
        content = read_object(path)
        if content.get("format") != FORMAT:
            raise DataError(f"{path.name}: expected \"format\": '{FORMAT}', found {content.get('format')!r}")
        table_OS = _costs(path, content)
        constant, cells = _number(path, content, "constant_ms", 0.0), _number(path, content, "cells", 5)
        rule = str(content.get("executed", "live"))
        if rule not in EXECUTED:
            raise DataError(f"{path.name}: \"executed\" is '{rule}', expected one of {', '.join(EXECUTED)}")
        cost_AE = table_OS.sum(axis=1)[all_codes()]
        total_A = constant + cells * (cost_AE * executed_edges(rule)).sum(axis=1)
        device = content.get("device")
        info = DeviceInfo.from_json({**(device if isinstance(device, dict) else {}), "predicted": True})
        index_A = np.arange(N_ARCHITECTURES)
        places = [f"sum of the operations of architecture {index}" for index in range(N_ARCHITECTURES)]
        column = str(content.get("column") or path.stem)
        meta = {"operations_ms": dict(zip(OPERATIONS, table_OS.tolist(), strict=True)), "executed": rule}
        return LatencyRows(index_A, {column: total_A}, places, {column: info}, meta)


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object of a file; ``DataError`` where it is none."""
    try:
        content = read_json(path)
    except OSError as error:
        raise DataError(f"cannot read {path}: {why(error)}; check the path") from error
    except ValueError as error:
        raise DataError(f"{path.name} is not JSON ({why(error)}); write it again") from error
    if not isinstance(content, dict):
        raise DataError(f"{path.name} holds a {type(content).__name__}, expected a JSON object; write it again")
    return content


def _costs(path: Path, content: dict[str, Any]) -> np.ndarray:
    given = content.get("operations_ms")
    if not isinstance(given, dict) or not given:
        raise DataError(f'{path.name} lacks "operations_ms": {{operation: [ms at each of {N_STAGES} stages]}}')
    costs_OS = np.zeros((len(OPERATIONS), N_STAGES))
    for operation, values in given.items():
        if operation not in OPERATIONS:
            raise DataError(f"{path.name}: operation '{operation}' is none of {', '.join(OPERATIONS)}")
        good = isinstance(values, list) and len(values) == N_STAGES and all(_is_cost(value) for value in values)
        if not good:
            raise DataError(
                f"{path.name}, {operation}: expected {N_STAGES} numbers of at least 0 ms, found {str(values)[:80]}"
            )
        costs_OS[OPERATIONS.index(operation)] = values
    return costs_OS


def _is_cost(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= sys.float_info.max


def _number(path: Path, content: dict[str, Any], name: str, default: float) -> float:
    value = content.get(name, default)
    if not _is_cost(value):
        raise DataError(f'{path.name}: "{name}" is {str(value)[:80]}, expected a number of at least 0')
    return float(value)
