"""How a fusion looks in a terminal and in a notebook: label-free rankings, what each member adds, stacking apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nasbench_harness.report.taus import TITLES
from nasbench_harness.system.tables import print_rows

if TYPE_CHECKING:
    from rich.console import Console

_UNDEFINED = "-"

Table = tuple[str, list[str], list[list[str]]]
"""Title, headings, rows."""


def tables_of(result: dict[str, Any]) -> list[Table]:
    """The tables of a fusion as text; intervals stand beneath their numbers."""
    truth, rule = result["truth"], result["rule"]
    headings = list(TITLES.values())
    members = [
        [f"{one['name']} x {one['weight']:g}" if one["weight"] != 1 else one["name"], *_cells(one)]
        for one in result["members"]
    ]
    fusions = [[f"{name} *" if name == rule else name, *_cells(one)] for name, one in result["label_free"].items()]
    added = [[name, *_added(one)] for name, one in result["without"].items()]
    tables: list[Table] = [
        (
            f"label-free, against {truth['policy']} of {truth['table']}, n = {result['n']:,}",
            ["ranking", *headings],
            [*members, *fusions],
        ),
        (f"what each member adds to {rule} (leave-one-out)", ["member", *headings], added),
    ]
    if result["supervised"]:
        rows = [[f"{one['known']}", f"{one['draws']}", *_spreads(one)] for one in result["supervised"]]
        title = "supervised: ridge regression on ranks, fitted on known architectures, judged on the others"
        tables.append((title, ["known", "draws", *headings], rows))
    return tables


def notes_of(result: dict[str, Any]) -> list[str]:
    """What a reader has to know to read the numbers."""
    groups = result["within_groups"]
    notes = [
        "* the rule that is taken apart and stored; choosing a rule, members or weights by these numbers uses labels.",
        f"within FLOPs: tau-b among equal live FLOPs, {groups['groups']} groups with {groups['n']:,} architectures; "
        "with FLOPs: tau-b of the sum of ranks with live FLOPs.",
        f"[..]: {result['interval_method']}.",
    ]
    if result["supervised"]:
        notes.append("supervised: mean ± standard deviation over random draws of the known architectures.")
    return notes


def print_fusion(result: dict[str, Any], console: Console) -> None:
    """The tables, one beneath the other, and the notes."""
    for title, headings, rows in tables_of(result):
        print_rows(title, headings, [[cell.replace("\n", " ") for cell in row] for row in rows], console)
        console.print()
    for line in notes_of(result):
        console.print(line, highlight=False, markup=False)


def fusion_html(result: dict[str, Any]) -> str:
    """The same tables as HTML, for notebooks."""
    from nasbench_harness.report.html import html_table

    tables = tables_of(result)
    notes = [[], *[[] for _ in tables[2:]], notes_of(result)]
    return "".join(html_table(*table, found) for table, found in zip(tables, notes, strict=True))


def _cells(one: dict[str, Any]) -> list[str]:
    return [_cell(one[name], one["intervals"].get(name), "") for name in TITLES]


def _added(one: dict[str, Any]) -> list[str]:
    return [_cell(one["added"][name], one["added_intervals"].get(name), "+") for name in TITLES]


def _cell(value: float | None, interval: list[float] | None, sign: str) -> str:
    if value is None:
        return _UNDEFINED
    text = f"{value:{sign}.3f}"
    return f"{text}\n[{interval[0]:{sign}.3f}, {interval[1]:{sign}.3f}]" if interval else text


def _spreads(one: dict[str, Any]) -> list[str]:
    found = [one[name] for name in TITLES]
    return [
        _UNDEFINED
        if value is None
        else f"{value['mean']:.3f}" + ("" if value["sd"] is None else f" ± {value['sd']:.3f}")
        for value in found
    ]
