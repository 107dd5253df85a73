"""Stored records in a terminal: a line each, one in full, and what a verification found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasbench_harness.records import Record
from nasbench_harness.records.machines import short_commit

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_MISSING = "-"


def print_units(lines: Sequence[dict[str, Any]], console: Console) -> None:
    """The lines of ``FoundUnit.to_json``, by run."""
    table = _table(
        None, "run", "strategy", "seed", "tau", "signal", "commit", "machine", "created", right=("seed", "tau")
    )
    for line in lines:
        where = [line["run"], line["strategy"], str(line["seed"])]
        if line["fault"] is not None:
            table.add_row(*where, _MISSING, "cannot be read")
            continue
        commit = line["commit"]
        made = str(line["created"])[:10]
        table.add_row(
            *where,
            _MISSING if line["kendall_tau"] is None else f"{line['kendall_tau']:.3f}",
            line["signal"],
            _MISSING if commit is None else short_commit(commit),
            line["machine"],
            made,
        )
    console.print(table)
    for line in lines:
        if line["fault"] is not None:
            console.print(line["fault"], highlight=False, markup=False, soft_wrap=True)


def print_record(record: Record, folder: Path, console: Console) -> None:
    """One record: what was run, what it gave, what it cost, where and by what."""
    title = f"{record.experiment_name}: {record.strategy}, seed {record.seed}  ({folder})"
    console.print(title, highlight=False, markup=False, soft_wrap=True)
    metrics = _table(
        "metrics", "metric", *record.signals, *record.references, right=(*record.signals, *record.references)
    )
    columns = [record.column(name) for name in (*record.signals, *record.references)]
    for name in _numbers(columns[0]):
        metrics.add_row(name, *(_number(column, name) for column in columns))
    console.print(metrics)
    settings = _table("settings", "setting", "value")
    for name, value in _flat(record.experiment):
        settings.add_row(name, str(value))
    console.print(settings)
    others = _table("truth, cost and environment", "field", "value")
    parts = {"truth": record.truth, "cost": record.cost, "environment": record.environment}
    for name, value in [*_flat(parts), ("leaves", len(record.leaves)), ("identity", record.identity)]:
        others.add_row(name, str(value))
    others.add_row("created", record.created)
    console.print(others)


def print_verified(results: Sequence[dict[str, Any]], console: Console) -> None:
    """A row a unit, and beneath them each field that differs."""
    table = _table(None, "run", "strategy", "seed", "values", "verdict", right=("seed", "values"))
    for one in results:
        faults = len(one["faults"])
        verdict = "agrees" if not faults else f"{faults} field{'s' if faults > 1 else ''} changed"
        table.add_row(one["run"], one["strategy"], str(one["seed"]), f"{one['agreed']:,}", verdict)
    console.print(table)
    for one in results:
        for fault in one["faults"]:
            found = f"{fault['field']}: {fault['stored']} stored, {fault['expected']} found again"
            console.print(
                f"{one['strategy']}, seed {one['seed']}: {found}", highlight=False, markup=False, soft_wrap=True
            )


def _table(title: str | None, *headings: str, right: Sequence[str] = ()) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        table.add_column(heading, justify="right" if heading in right else "left", overflow="fold")
    return table


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
