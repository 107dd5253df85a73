"""How the judgement of a score file looks in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


def print_judgement(result: dict[str, Any], console: Console) -> None:
    """One column a ranking, one row a metric, intervals beneath the numbers."""
    from rich import box
    from rich.table import Table

    truth = result["truth"]
    rankings = {**result["scores"], **result["references"]}
    table = Table(
        title=f"{result['source']} against {truth['policy']} of {truth['table']}, n = {truth['n']:,}",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("metric")
    for name in rankings:
        table.add_column(name, justify="right")
    for metric in _metric_names(next(iter(rankings.values()))):
        table.add_row(metric, *(_cell(column, metric) for column in rankings.values()))
    console.print(table)
    ceiling = truth["noise_ceiling"] or truth.get("noise_ceiling_proxy")
    if ceiling:
        kind = "noise ceiling" if truth["noise_ceiling"] else "noise ceiling (proxy, another training protocol)"
        pair = f"{ceiling['first']} against {ceiling['second']}"
        console.print(f"{kind}: tau-b {ceiling['kendall_tau']:.3f}, {pair}", highlight=False)
    console.print(f"[..]: {next(iter(rankings.values()))['interval_method']}", highlight=False, markup=False)


def _metric_names(column: dict[str, Any]) -> list[str]:
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
    return f"{text}\n[{interval[0]:.4g}, {interval[1]:.4g}]".replace("[", "\\[") if interval else text
