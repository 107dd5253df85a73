"""How the judgement of a score file looks in a terminal and in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nasbench_harness.records.schema import CONVOLUTION_BIAS, lookup
from nasbench_harness.system.tables import print_rows

if TYPE_CHECKING:
    from rich.console import Console


WHERE = "where the rankings are right, and what they rate too high (-) or too low (+)"


def print_judgement(result: dict[str, Any], console: Console) -> None:
    """One column a ranking, one row a metric, intervals beneath the numbers; then where the rankings are right."""
    rankings = {**result["scores"], **result["references"]}
    first = next(iter(rankings.values()))
    numbers = [[name, *(_cell(column, name) for column in rankings.values())] for name in metric_names(first)]
    for title, head, rows in ((_title(result), "metric", numbers), (WHERE, "architectures", breakdown_rows(rankings))):
        print_rows(title, [head, *rankings], [[cell.replace("\n", " ") for cell in row] for row in rows], console)
        console.print()
    for line in _notes(result):
        console.print(line, highlight=False, markup=False)


def metric_names(column: dict[str, Any]) -> list[str]:
    """Dotted names of what ``lookup`` finds in a column."""
    names = []
    for name, value in column.items():
        if isinstance(value, dict) and name not in ("intervals", "breakdown"):
            names += [f"{name}.{key}" for key in value]
        elif isinstance(value, int | float) or value is None:
            names.append(name)
    return [*names, CONVOLUTION_BIAS]


def _cell(column: dict[str, Any], metric: str) -> str:
    head, _, key = metric.partition(".")
    value = lookup(column, metric) if metric == CONVOLUTION_BIAS else column[head][key] if key else column[head]
    if value is None:
        return "undefined"
    text = f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
    interval = column["intervals"].get(metric)
    return f"{text}\n[{interval[0]:.4g}, {interval[1]:.4g}]" if interval else text


def breakdown_rows(rankings: dict[str, dict[str, Any]]) -> list[list[str]]:
    """Tau by band of the truth and signed rank errors: a row for each set of architectures, a cell for each ranking."""
    first = next(iter(rankings.values()))["breakdown"]
    bands = first["tau_by_band"]
    rows = []
    for number, band in enumerate(bands):
        name = f"{_place(number, len(bands))} by truth (n = {band['n']:,}): tau"
        taus = (column["breakdown"]["tau_by_band"][number]["kendall_tau"] for column in rankings.values())
        rows.append([name, *("undefined" if tau is None else f"{tau:.3f}" for tau in taus)])
    for kind, groups in first["rank_error"].items():
        for number, group in enumerate(groups):
            name = f"{kind} {group['value']} (n = {group['n']:,}): rank error"
            errors = (column["breakdown"]["rank_error"][kind][number]["error"] for column in rankings.values())
            rows.append([name, *(f"{100 * error:+.1f} %" for error in errors)])
    return rows


def _place(number: int, bands: int) -> str:
    part = {5: "fifth"}.get(bands, f"1/{bands}")
    return f"best {part}" if number == 0 else f"worst {part}" if number == bands - 1 else f"{part} {number + 1}"


def judgement_html(result: dict[str, Any]) -> str:
    """The same table as HTML, for notebooks."""
    from nasbench_harness.report.html import html_table

    rankings = {**result["scores"], **result["references"]}
    first = next(iter(rankings.values()))
    rows = [[name, *(_cell(column, name) for column in rankings.values())] for name in metric_names(first)]
    rows += breakdown_rows(rankings)
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
    meaning = (
        "rank error: mean of (rank by score - true rank) / n; below 0 such architectures are rated above their worth"
    )
    bias = f"{CONVOLUTION_BIAS}: root mean square, over architectures, of the rank errors by convolutions"
    return [*notes, f"[..]: {rankings[0]['interval_method']}", meaning, bias]
