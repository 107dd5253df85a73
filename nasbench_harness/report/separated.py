"""Tables as CSV: a value in each field, units in the names, what holds for the whole table as columns too."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from nasbench_harness.records.summary import Estimate
from nasbench_harness.report.tables import Numbers, Table, Value


def csv_of(tables: Sequence[Table]) -> str:
    """One header and all rows, of tables with the same columns; what is not known is an empty field.

    A number over seeds takes the columns ``NAME``, ``NAME_sd``, ``NAME_low`` and ``NAME_high`` (95 % unless
    ``interval_level`` says otherwise). Numbers are written in full, so that they read back to the last bit.
    """
    rows = [row for table in tables for row in _rows(table)]
    header = dict.fromkeys(name for row in rows for name in row)
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(header), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def _rows(table: Table) -> list[dict[str, Value]]:
    columns: dict[str, Sequence[Value]] = {}
    for column in table.columns:
        columns |= _fields(column)
    count = len(table.columns[0].cells)
    rows = [{name: values[row] for name, values in columns.items()} for row in range(count)]
    return [row | dict(table.facts) for row in rows]


def _fields(column: Numbers) -> dict[str, Sequence[Value]]:
    values, name = column.values, column.name
    found: dict[str, Sequence[Value]] = {
        name: [value.mean if isinstance(value, Estimate) else value for value in values]
    }
    estimates = [value if isinstance(value, Estimate) else None for value in values]
    if any(each is not None and each.sd is not None for each in estimates):
        found[f"{name}_sd"] = [None if each is None else each.sd for each in estimates]
    if any(each is not None and each.interval is not None for each in estimates):
        for end, ending in enumerate(("low", "high")):
            found[f"{name}_{ending}"] = [each.interval[end] if each and each.interval else None for each in estimates]
    return found | dict(column.more)
