"""Stored records in a terminal: a line each, one in full, and what a verification found."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasbench_harness.records import Record
from nasbench_harness.records.machines import short_commit
from nasbench_harness.system.tables import Column, print_rows, print_table

if TYPE_CHECKING:
    from rich.console import Console

_MISSING = "-"


def print_units(lines: Sequence[dict[str, Any]], console: Console) -> None:
    """The lines of ``FoundUnit.to_json``: a table for each run, and beneath it what cannot be read."""
    for run, group in groupby(lines, key=lambda line: str(line["run"])):
        units = list(group)
        columns = [
            Column(title, tuple(cell(unit) for unit in units), worth)
            for title, cell, worth in (
                ("strategy", lambda unit: str(unit["strategy"]), 0),
                ("seed", lambda unit: str(unit["seed"]), 0),
                ("tau", _tau, 0),
                ("signal", lambda unit: str(unit.get("signal", _MISSING)), 1),
                ("commit", _commit, 2),
                ("machine", lambda unit: str(unit.get("machine", _MISSING)), 4),
                ("created", lambda unit: str(unit.get("created", _MISSING))[:10], 3),
            )
        ]
        faults = [f"cannot be read: {unit['fault']}" for unit in units if unit["fault"] is not None]
        print_table(run, columns, faults, len(units), console)


def _tau(unit: dict[str, Any]) -> str:
    tau = unit.get("kendall_tau")
    return _MISSING if tau is None else f"{tau:.3f}"


def _commit(unit: dict[str, Any]) -> str:
    commit = unit.get("commit")
    return _MISSING if commit is None else short_commit(commit)


def print_record(record: Record, folder: Path, console: Console) -> None:
    """One record: what was run, what it gave, what it cost, where and by what."""
    title = f"{record.experiment_name}: {record.strategy}, seed {record.seed}  ({folder})"
    console.print(title, highlight=False, markup=False, soft_wrap=True)
    names = (*record.signals, *record.references)
    columns = [record.column(name) for name in names]
    rows = [[name, *(_number(column, name) for column in columns)] for name in _numbers(columns[0])]
    console.print()
    print_rows("metrics", ["metric", *names], rows, console)
    settings = [[name, str(value)] for name, value in _flat(record.experiment)]
    console.print()
    print_rows("settings", ["setting", "value"], settings, console, texts=["value"])
    parts = {"truth": record.truth, "cost": record.cost, "environment": record.environment}
    others = [*_flat(parts), ("leaves", len(record.leaves)), ("identity", record.identity), ("created", record.created)]
    fields = [[name, str(value)] for name, value in others]
    console.print()
    print_rows("truth, cost and environment", ["field", "value"], fields, console, texts=["value"])


def print_verified(results: Sequence[dict[str, Any]], console: Console) -> None:
    """A row a unit, and beneath them each field that differs."""
    for run, group in groupby(results, key=lambda one: str(one["run"])):
        units = list(group)
        columns = [
            Column("strategy", tuple(str(one["strategy"]) for one in units), 0),
            Column("seed", tuple(str(one["seed"]) for one in units), 0),
            Column("values", tuple(f"{one['agreed']:,}" for one in units), 1),
            Column("verdict", tuple(_verdict(len(one["faults"])) for one in units), 0),
        ]
        print_table(run, columns, [], len(units), console)
    for one in results:
        for fault in one["faults"]:
            found = f"{fault['field']}: {fault['stored']} stored, {fault['expected']} found again"
            console.print(
                f"{one['strategy']}, seed {one['seed']}: {found}", highlight=False, markup=False, soft_wrap=True
            )


def _verdict(faults: int) -> str:
    return "agrees" if not faults else f"{faults} field{'s' if faults > 1 else ''} changed"


def _numbers(column: dict[str, Any]) -> list[str]:
    """Dotted names of the single numbers of an evaluated column."""
    return [name for name, value in _flat({k: v for k, v in column.items() if k != "intervals"}) if not _is_more(value)]


def _is_more(value: Any) -> bool:
    return isinstance(value, str | list | tuple)


def _number(column: dict[str, Any], name: str) -> str:
    value = dict(_flat(column)).get(name, _MISSING)
    return "undefined" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)


def _flat(value: dict[str, Any], path: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, inner in value.items():
        whole = f"{path}{name}"
        found += _flat(inner, f"{whole}.") if isinstance(inner, dict) else [(whole, inner)]
    return found
