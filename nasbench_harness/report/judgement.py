"""How the judgement of a score file looks in a terminal and in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


def print_judgement(result: dict[str, Any], console: Console) -> None:
    """One column a ranking, one row a metric, intervals beneath the numbers."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    rankings = {**result["scores"], **result["references"]}
    table = Table(
        title=_title(result),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("metric")
    for name in rankings:
        table.add_column(name, justify="right")
    for metric in metric_names(next(iter(rankings.values()))):
        table.add_row(metric, *(Text(_cell(column, metric)) for column in rankings.values()))
    console.print(table)
    for line in _notes(result):
        console.print(line, highlight=False, markup=False)


def metric_names(column: dict[str, Any]) -> list[str]:
    names = []
    for name, value in column.items():
        if isinstance(value, dict) and name != "intervals":
            names += [f"{name}.{key}" for key in value]
        elif isinstance(value, int | float) or value is None:
            names.append(name)
    return names


def _cell(column: dict[str, Any], metric: str) -> str:
    head, _, key = metric.partition(".")
    value = column[head][key] if key else column[head]
    if value is None:
        return "undefined"
    text = f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
    interval = column["intervals"].get(metric)
    return f"{text}\n[{interval[0]:.4g}, {interval[1]:.4g}]" if interval else text


def judgement_html(result: dict[str, Any]) -> str:
    """The same table as HTML, for notebooks."""
    from nasbench_harness.report.html import html_table

    rankings = {**result["scores"], **result["references"]}
    first = next(iter(rankings.values()))
    rows = [[name, *(_cell(column, name) for column in rankings.values())] for name in metric_names(first)]
    return html_table(_title(result), ["metric", *rankings], rows, _notes(result))


def _title(result: dict[str, Any]) -> str:
    truth = result["truth"]
    return f"{result['source']} against {truth['policy']} of {truth['table']}, n = {truth['n']:,}"


def _notes(result: dict[str, Any]) -> list[str]:
    truth, notes = result["truth"], []
    ceiling = truth["noise_ceiling"] or truth.get("noise_ceiling_proxy")
    if ceiling:
        kind = "noise ceiling" if truth["noise_ceiling"] else "noise ceiling (proxy, another training protocol)"
        notes.append(f"{kind}: tau-b {ceiling['kendall_tau']:.3f}, {ceiling['first']} against {ceiling['second']}")
    rankings = [*result["scores"].values(), *result["references"].values()]
    return [*notes, f"[..]: {rankings[0]['interval_method']}"]
