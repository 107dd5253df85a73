"""Values of single architectures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nasbench_harness.errors import UsageError
from nasbench_harness.space import N_ARCHITECTURES, format_architecture, parse_architecture
from nasbench_harness.system.lines import print_line
from nasbench_harness.truth.export import unit_of
from nasbench_harness.truth.order import benchmark_index, benchmark_order
from nasbench_harness.truth.table import TruthTable

if TYPE_CHECKING:
    from rich.console import Console


def architecture_of(text: str) -> int:
    """Our index of an architecture named on the command line.

    A string is taken as it is, a plain number as the benchmark's index (the number that papers and the official API
    use), ``ours:123`` as our own. ``UsageError`` or ``DataError`` names the fault.
    """
    number = re.fullmatch(r"\s*(ours:)?([0-9]+)\s*", text)
    if number is None:
        return parse_architecture(text)
    if int(number[2]) >= N_ARCHITECTURES:
        raise UsageError(f"'{text}' is no architecture; numbers go from 0 to {N_ARCHITECTURES - 1}")
    return int(number[2]) if number[1] else int(benchmark_order()[int(number[2])])


def query(table: TruthTable, architectures: Sequence[str], policy: str | None = None) -> dict[str, Any]:
    """What a table says of some architectures, as a JSON object.

    ``table``, ``sha256``, ``units`` (column -> unit) and ``architectures``: of each ``arch``, ``index`` (ours),
    ``benchmark_index`` and ``values`` (column -> value, None where it is missing), of one column or of all.
    """
    if not architectures:
        raise UsageError("no architecture named; give strings or benchmark indices")
    columns = list(table.columns) if policy is None else [policy]
    values = {column: table.column(column) for column in columns}
    rows = []
    for index in map(architecture_of, architectures):
        found = {column: float(of_all[index]) for column, of_all in values.items()}
        rows.append(
            {
                "arch": format_architecture(index),
                "index": index,
                "benchmark_index": int(benchmark_index()[index]),
                "values": {column: None if np.isnan(value) else value for column, value in found.items()},
            }
        )
    units = {column: unit_of(table, column) for column in columns}
    return {"table": table.name, "sha256": table.sha256, "units": units, "architectures": rows}


def print_query(found: dict[str, Any], console: Console) -> None:
    """One block an architecture: its names, then a line a column."""
    for row in found["architectures"]:
        print_line(console, f"{row['arch']}  benchmark index {row['benchmark_index']}, ours {row['index']}")
        for column, value in row["values"].items():
            text = "missing" if value is None else f"{value:.6f}".rstrip("0").rstrip(".")
            console.print(f"  {column:40} {text} {found['units'][column]}", highlight=False, markup=False)
