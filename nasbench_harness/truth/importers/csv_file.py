"""CSV: a header, one row per architecture, its identity in `arch`, `index` and/or `naslib`."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError
from nasbench_harness.system.parquet_bounds import MOST_COLUMNS, MOST_ROWS
from nasbench_harness.system.reading import MOST_BYTES, open_file, why
from nasbench_harness.truth.importers.base import (
    SourceRows,
    check_same_architectures,
    check_same_naslib,
    index_of_architecture,
    index_of_benchmark_number,
    index_of_naslib,
)
from nasbench_harness.truth.order import benchmark_order

IDENTITY = ("arch", "index", "naslib")


class CsvImporter:
    """Every column beside these three must be numeric; an empty cell is a missing value.

    `arch` is the benchmark's string (or NASLib's tuple in parentheses), `naslib` NASLib's six operation numbers. An
    `index` alone is the benchmark's own order. With several, `arch` decides and the others must agree: the index
    throughout with the benchmark's order, or throughout with ours.
    """

    name = "csv"

    def recognises(self, path: Path) -> bool:
        return path.suffix.lower() == ".csv"

    def read(self, path: Path) -> SourceRows:
        header, lines, places = _read_lines(path)
        cells = dict(zip(header, zip(*lines, strict=True), strict=True))
        index_A, number_A = np.empty(0, np.int64), np.empty(0, np.int64)
        if "index" in cells:
            numbers = (index_of_benchmark_number(t.strip(), path, at) for t, at in _with(cells["index"], places))
            number_A = np.fromiter(numbers, np.int64, len(places))
            index_A = benchmark_order()[number_A]
        if "arch" in cells:
            found = (index_of_architecture(t.strip(), path, at) for t, at in _with(cells["arch"], places))
            index_A = np.fromiter(found, np.int64, len(places))
            if "index" in cells:
                check_same_architectures(index_A, number_A, places, path)
        if "naslib" in cells:
            named = (index_of_naslib(t.strip(), path, at) for t, at in _with(cells["naslib"], places))
            naslib_A = np.fromiter(named, np.int64, len(places))
            if len(index_A):
                check_same_naslib(index_A, naslib_A, places, path)
            index_A = naslib_A
        columns = {
            column: _numbers(path, column, texts, places) for column, texts in cells.items() if column not in IDENTITY
        }
        return SourceRows(index_A, columns, places, {})


def _with(texts: tuple[str, ...], places: list[str]) -> zip[tuple[str, str]]:
    return zip(texts, places, strict=True)


def _read_lines(path: Path) -> tuple[list[str], list[list[str]], list[str]]:
    """Header, rows of equal length, and each row's place (as an editor numbers it: the header is row 1)."""
    try:
        with io.TextIOWrapper(open_file(path, MOST_BYTES), encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            header = [name.strip() for name in next(reader, [])]
            _check_header(path, header)
            lines: list[list[str]] = []
            places: list[str] = []
            for line in reader:
                if not line:
                    continue
                if len(line) != len(header):
                    raise DataError(
                        f"{path.name}, row {reader.line_num}: {len(line)} cells, expected {len(header)} as in the "
                        "header; fix the row"
                    )
                if len(lines) == MOST_ROWS:
                    raise DataError(
                        f"{path.name} has more than {MOST_ROWS:,} rows, a table of architectures has 15,625 at most; "
                        "export it again"
                    )
                lines.append(line)
                places.append(f"row {reader.line_num}")
    except OSError as error:
        raise DataError(f"cannot read {path}: {why(error)}; check the path") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path.name} is not a CSV file in UTF-8 ({error}); export it again") from error
    if not lines:
        raise DataError(f"{path.name} has a header but no rows; export it again")
    return header, lines, places


def _check_header(path: Path, header: list[str]) -> None:
    if not header:
        raise DataError(f"{path.name} is empty; expected a header with `arch` or `index` and numeric columns")
    if len(header) > MOST_COLUMNS:
        raise DataError(f"{path.name} has {len(header):,} columns, more than {MOST_COLUMNS:,}; leave some out")
    repeated = [name for name, count in Counter(header).items() if count > 1]
    if repeated or "" in header:
        fault = f"the column name '{repeated[0]}' stands twice" if repeated else "a column has no name"
        raise DataError(f"{path.name}: {fault}; give each column its own name")
    if not set(IDENTITY) & set(header):
        raise DataError(
            f"{path.name} has neither a column `arch` (string) nor `index` (benchmark index) nor `naslib`, found "
            f"{', '.join(header[:8])}; rename the column that identifies the architecture"
        )
    if set(header) <= set(IDENTITY):
        raise DataError(f"{path.name} has no column of values beside {' and '.join(header)}; add at least one")


def _numbers(path: Path, column: str, texts: tuple[str, ...], places: list[str]) -> npt.NDArray[np.float64]:
    try:
        if any("_" in text for text in texts):  # Python reads 9_3 as 93
            raise ValueError
        return np.array([float(text) if text.strip() else np.nan for text in texts])
    except ValueError as error:
        row = next(row for row, text in enumerate(texts) if not _is_number(text))
        raise DataError(
            f"{path.name}, {places[row]}, column '{column}': '{texts[row][:80]}' is not a number; "
            "fix it, or remove the column"
        ) from error


def _is_number(text: str) -> bool:
    try:
        float(text if text.strip() else "nan")
    except ValueError:
        return False
    return "_" not in text
