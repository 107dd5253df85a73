"""A table in formats that other tools read: CSV, Parquet, JSON, and beside each a description of its columns.

One row an architecture, in the benchmark's order: ``arch`` (its string), ``index`` (the benchmark's index) and the
table's columns at full precision; a missing value is an empty cell (null in Parquet and JSON). JSON is
``{arch: {column: value}}``, where the string is all the identity. Importing the file again gives the same columns.
``NAME.columns.json`` beside the file says what each column means and in which unit.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from nasbench_harness.errors import UsageError
from nasbench_harness.space import all_strings
from nasbench_harness.system.files import write_atomically, write_json
from nasbench_harness.truth.order import benchmark_order
from nasbench_harness.truth.policy import TruthPolicy
from nasbench_harness.truth.table import TruthTable

FORMATS = (".csv", ".parquet", ".json")
IDENTITY = {
    "arch": "the architecture's string",
    "index": "the index that NAS-Bench-201 and NATS-Bench give it (not in JSON)",
}
_UNITS = (  # read off the name of a column that states no policy, where the table itself does not say
    (r"(^|_)(ms|milliseconds)($|_)", "milliseconds"),
    (r"(^|_)seconds?($|_)", "seconds"),
    (r"(^|_)(mflops?|flops_millions)($|_)", "millions of multiply-adds"),
    (r"(^|_)parameters_millions($|_)", "millions of parameters"),
    (r"(^|_)flops?($|_)", "multiply-adds"),
    (r"(^|_)(parameters?|params)($|_)", "parameters"),
)


def export_table(table: TruthTable, path: Path | str) -> list[Path]:
    """Write the table to ``path`` in the format of its ending, and its description; the two files.

    Raises ``UsageError`` for another ending.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind not in FORMATS:
        raise UsageError(
            f"{path.name}: a table is exported as {', '.join(FORMATS)}; end the file's name in one of them"
        )
    write = {".csv": _write_csv, ".parquet": _write_parquet, ".json": _write_json}[kind]
    write_atomically(path, lambda stream: write(table, stream))
    about = path.with_name(f"{path.stem}.columns.json")
    write_json(about, describe_export(table))
    return [path, about]


def describe_export(table: TruthTable) -> dict[str, Any]:
    """What an exported file holds: the table, its origin, and of each column the meaning and the unit."""
    return {
        "table": table.name,
        "sha256": table.sha256,
        "rows": int(table.covered.sum()),
        "order": "the benchmark's index, ascending",
        "identity": IDENTITY,
        "columns": {column: describe_column(table, column) for column in table.columns},
        "meta": dict(table.meta),
    }


def describe_column(table: TruthTable, column: str) -> dict[str, Any]:
    """Unit, meaning and number of values of one column."""
    policy = TruthPolicy.parse(column)
    return {
        "unit": unit_of(table, column),
        "meaning": _meaning(policy) if policy else "as the source names it",
        "policy": policy.to_json() if policy else None,
        "n": int((~np.isnan(table.column(column))).sum()),
    }


def unit_of(table: TruthTable, column: str) -> str:
    """The unit of a column: what the table states (``meta["units"]``), percent for an accuracy, else by its name."""
    stated = table.meta.get("units")
    if isinstance(stated, dict) and column in stated:
        return str(stated[column])
    if TruthPolicy.parse(column) is not None:
        return "percent"
    return next((unit for pattern, unit in _UNITS if re.search(pattern, column.lower())), "not stated")


def _meaning(policy: TruthPolicy) -> str:
    if policy.seeds == "mean":
        seeds = "mean over every seed that exists"
    elif isinstance(policy.seeds, int):
        seeds = f"seed {policy.seeds}"
    else:
        seeds = f"mean over one half of the seeds ({policy.seeds[-1]})"
    split = policy.split.replace("_", ", ")
    return f"top-1 accuracy on {policy.image_set} ({split}) after {policy.epochs} epochs, {seeds}"


def _rows(table: TruthTable) -> tuple[list[int], list[str]]:
    """Benchmark indices and strings of the covered architectures, in the benchmark's order."""
    numbers = np.flatnonzero(table.covered[benchmark_order()]).tolist()
    strings = all_strings()
    return numbers, [strings[ours] for ours in benchmark_order()[numbers]]


def _values(table: TruthTable, numbers: list[int]) -> dict[str, list[float | None]]:
    rows = benchmark_order()[numbers]
    return {
        name: [None if math.isnan(value) else value for value in column[rows].tolist()]
        for name, column in table.columns.items()
    }


def _write_csv(table: TruthTable, stream: BinaryIO) -> None:
    numbers, strings = _rows(table)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*IDENTITY, *table.columns])
    # a float is written with the fewest digits that give it back exactly
    writer.writerows(zip(strings, numbers, *_values(table, numbers).values(), strict=True))
    stream.write(text.getvalue().encode())


def _write_json(table: TruthTable, stream: BinaryIO) -> None:
    numbers, strings = _rows(table)
    columns = _values(table, numbers)
    rows = zip(*columns.values(), strict=True)
    content = {arch: dict(zip(columns, row, strict=True)) for arch, row in zip(strings, rows, strict=True)}
    stream.write((json.dumps(content, allow_nan=False, indent=0) + "\n").encode())


def _write_parquet(table: TruthTable, stream: BinaryIO) -> None:
    import polars as pl

    numbers, strings = _rows(table)
    identity = {"arch": pl.Series(strings, dtype=pl.String), "index": pl.Series(numbers, dtype=pl.Int32)}
    values = {name: pl.Series(column, dtype=pl.Float64) for name, column in _values(table, numbers).items()}
    pl.DataFrame(identity | values).write_parquet(stream)
