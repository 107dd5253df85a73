"""How searches and prunings look in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nasbench_harness.system.lines import print_line, print_paragraph
from nasbench_harness.system.tables import print_rows

if TYPE_CHECKING:
    from rich.console import Console

_WHERE = ("device", "constraint", "scores")
"""What a problem is of; the keys are the headings."""


def print_search(result: dict[str, Any], console: Console) -> None:
    """One row for each scores x device x constraint; over several seeds mean +- standard deviation."""
    problems = result["problems"]
    judged, checked = any("true_best" in p for p in problems), any("violations" in p["runs"][0] for p in problems)
    title = _title(result, f"search, {len(result['seeds'])} seeds, mean ± sd over seeds")
    headings = [*_WHERE, "candidates", "seen", "cost of best"]
    headings += ["truth of best", "best possible", "regret", "hypervolume"] if judged else ["best architecture"]
    headings += ["violations", "regret within"] if checked else []
    rows = []
    for problem in problems:
        runs, summary = problem["runs"], problem["summary"]
        seen = sum(run["search"]["architectures_seen"] for run in runs) / len(runs)
        cells = [f"{problem['counts']['candidates']:,}", f"{seen:,.0f}", _interval(summary.get("cost"), 3)]
        if judged:
            best = problem.get("true_best")
            cells += [_interval(summary.get("truth"), 2), f"{best['truth']:.2f}" if best else "-"]
            cells += [_interval(summary.get("regret"), 2), _interval(summary.get("hypervolume_ratio"), 3)]
        else:
            cells.append(runs[0]["best"]["arch"])
        if checked:
            cells += [_interval(summary.get("violations"), 3), _interval(summary.get("regret_within"), 2)]
        rows.append([*(problem[name] for name in _WHERE), *cells])
    print_rows(title, headings, rows, console, labels=_WHERE)
    _notes(result, console)


def print_prune(result: dict[str, Any], console: Console) -> None:
    """One row a run, then for the first run of each problem what every stage removed, with frequencies."""
    problems = result["problems"]
    title = _title(result, f"pruning, {result['settings']['stages']} stages; sizes after each stage")
    headings = [*_WHERE, "P_th", "seed", "size", "in window", "best truth left", "lost", "tau in window", "regret"]
    rows = []
    for problem in problems:
        for run in problem["runs"]:
            spaces = run["spaces"]
            rows.append(
                [
                    *(problem[name] for name in _WHERE),
                    f"{run['threshold']:g}",
                    str(run["seed"]),
                    " → ".join(f"{space['size']:,}" for space in spaces),
                    " → ".join(f"{space['in_window']:,}" for space in spaces),
                    _number(spaces[-1].get("best_truth_in_window"), 2),
                    _number(run["loss_of_optimum"], 2),
                    " → ".join(_number(space["kendall_tau"], 3) for space in spaces),
                    _number(run["regret"], 2),
                ]
            )
    print_rows(title, headings, rows, console, labels=_WHERE)
    for problem in problems:
        run = problem["runs"][0]
        where = f"{problem['device']}, {problem['constraint']}, {problem['scores']}"
        print_paragraph(console, f"{where}: P_th {run['threshold']:g}, seed {run['seed']}")
        for number, stage in enumerate(run["stages"], 1):
            removed = _removed(stage, result["edges"])
            print_paragraph(console, f"  stage {number}, {stage['counted']} counted: {removed}")
        print_line(console, f"  returned: {run['best']['arch']}")
        print_line(console, f"    {_costs(run['best'], problem['unit'])}")
    _notes(result, console)


def _removed(stage: dict[str, Any], edges: list[str]) -> str:
    def listed(rows: list[dict[str, Any]]) -> str:
        return ", ".join(f"{row['operation']} on {edges[row['edge']]} ({row['frequency']:.1%})" for row in rows)

    text = f"removed {listed(stage['removed'])}" if stage["removed"] else "removed nothing"
    for key, words in (("kept_by_guard", "kept as one of two on its edge"), ("put_back", "put back for the window")):
        text += f"; {words}: {listed(stage[key])}" if stage[key] else ""
    return text


def _costs(row: dict[str, Any], unit: str) -> str:
    text = "cost unknown" if row["cost"] is None else f"{row['cost']:.4g} {unit}"
    return text if row.get("truth") is None else f"{text}, truth {row['truth']:.2f}"


def _notes(result: dict[str, Any], console: Console) -> None:
    for problem in {problem["device"]: problem for problem in result["problems"]}.values():
        without = problem["counts"]["without_cost"]
        if without:
            console.print(f"{problem['device']}: {without} architectures without a cost are left out", highlight=False)
    if result["truth"] is not None and result["kind"] == "search":
        from nasbench_harness.search.judge import REFERENCE

        console.print(f"hypervolume: ratio to the true front; reference: {REFERENCE}", highlight=False)


def _title(result: dict[str, Any], title: str) -> str:
    truth = result["truth"]
    return title + (f"; truth {truth['policy']} of {truth['table']}" if truth else "; no truth")


def _interval(estimate: dict[str, float] | None, digits: int) -> str:
    if estimate is None:
        return "-"
    text = f"{estimate['mean']:.{digits}f}"
    return text if estimate["n"] == 1 else f"{text} ± {estimate['std']:.{digits}f}"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
