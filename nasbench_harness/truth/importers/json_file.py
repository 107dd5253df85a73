"""JSON: one object, `{architecture: {column: value}}` or `{architecture: value}`.

A key is an architecture string or a benchmark index in digits, one kind throughout.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nasbench_harness.errors import DataError
from nasbench_harness.system.reading import parse_json, read_file, why
from nasbench_harness.truth.importers.base import SourceRows, index_of_architecture, index_of_benchmark_number
from nasbench_harness.truth.order import benchmark_order

SINGLE_COLUMN = "value"  # the column's name where an architecture has a bare number


class JsonImporter:
    """A bare number becomes the column ``value``; null and absent entries are missing values."""

    name = "json"

    def recognises(self, path: Path) -> bool:
        return path.suffix.lower() == ".json"

    def read(self, path: Path) -> SourceRows:
        entries = _read_object(path)
        places = [f"entry '{key}'" for key, _ in entries]
        by_number = entries[0][0].isdigit()
        identify = index_of_benchmark_number if by_number else index_of_architecture
        found = (identify(key, path, place) for (key, _), place in zip(entries, places, strict=True))
        index_A = np.fromiter(found, np.int64, len(entries))
        values: dict[str, list[float]] = {}
        for row, ((_, entry), place) in enumerate(zip(entries, places, strict=True)):
            for column, value in _columns_of(entry, path, place):
                filled = values.setdefault(column, [])
                filled.extend([np.nan] * (row - len(filled)))
                filled.append(_number(value, path, place, column))
        columns = {column: np.array(v + [np.nan] * (len(entries) - len(v))) for column, v in values.items()}
        if not columns:
            raise DataError(f"{path.name}: its entries hold no values; expected {{architecture: {{column: value}}}}")
        return SourceRows(benchmark_order()[index_A] if by_number else index_A, columns, places, {})


class _Entries(list[tuple[str, Any]]):
    """A JSON object as its pairs: a plain dict would hide a key that stands twice."""


def _read_object(path: Path) -> _Entries:
    try:
        content = parse_json(read_file(path), _Entries)
    except OSError as error:
        raise DataError(f"cannot read {path}: {why(error)}; check the path") from error
    except ValueError as error:
        raise DataError(f"{path.name} is not JSON ({why(error)}); export it again") from error
    if not isinstance(content, _Entries) or not content:
        raise DataError(
            f"{path.name}: expected an object {{architecture: value or columns}} that holds entries; export it again"
        )
    return content


def _columns_of(entry: object, path: Path, place: str) -> _Entries:
    if not isinstance(entry, _Entries):
        return _Entries([(SINGLE_COLUMN, entry)])
    if len({column for column, _ in entry}) < len(entry):
        raise DataError(f"{path.name}, {place}: a column stands twice; keep one of them")
    return entry


def _number(value: object, path: Path, place: str, column: str) -> float:
    if value is None:
        return float("nan")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DataError(f"{path.name}, {place}, column '{column}': {value!r} is not a number; fix it")
    try:
        return float(value)
    except OverflowError as error:
        raise DataError(f"{path.name}, {place}, column '{column}': a number beyond 1e308; fix it") from error
