"""Baselines in a terminal: a line each, or the seeds of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nasbench_harness.evidence.baseline import Baseline
from nasbench_harness.metrics import TAUS, seed_summary
from nasbench_harness.report.tables import Column, print_table

if TYPE_CHECKING:
    from rich.console import Console

_MISSING = "-"


def baseline_line(baseline: Baseline) -> dict[str, Any]:
    """What a list says of a baseline, as plain JSON values; ``kendall_tau`` by the headline signal, over seeds."""
    values = [unit.metrics[baseline.signal]["kendall_tau"] for unit in baseline.units]
    known = [value for value in values if value is not None]
    cards = [unit.fingerprint.environment for unit in baseline.units]
    return {
        "experiment": baseline.experiment,
        "strategy": baseline.strategy,
        "signal": baseline.signal,
        "n": baseline.n,
        "seeds": [unit.seed for unit in baseline.units],
        "kendall_tau": seed_summary(known).to_json() if known else None,
        "machines": sorted({f"{card.get('processor')}, {card.get('lanes')} lanes" for card in cards}),
        "engines": sorted({str(card.get("engine")) for card in cards}),
        "created": max(unit.created for unit in baseline.units),
    }


def print_baselines(lines: Sequence[dict[str, Any]], console: Console | None = None) -> None:
    """The lines of ``baseline_line``."""
    columns = [
        Column("strategy", tuple(line["strategy"] for line in lines), 0),
        Column("experiment", tuple(line["experiment"] for line in lines), 0),
        Column("seeds", tuple(str(len(line["seeds"])) for line in lines), 0),
        Column("tau", tuple(_tau(line["kendall_tau"]) for line in lines), 0),
        Column("signal", tuple(line["signal"] for line in lines), 2),
        Column("n", tuple(f"{line['n']:,}" for line in lines), 3),
        Column("created", tuple(line["created"][:10] for line in lines), 1),
        Column("machine", tuple("; ".join(line["machines"]) for line in lines), 4),
    ]
    print_table(
        f"{len(lines)} baselines", columns, ["tau: mean ± sd [95 % t-interval] over seeds."], len(lines), console
    )


def print_baseline(baseline: Baseline, console: Console | None = None) -> None:
    """One baseline: its protocol and every seed."""
    columns = [Column("seed", tuple(str(unit.seed) for unit in baseline.units), 0)]
    for place, signal in enumerate(sorted(baseline.units[0].metrics, key=lambda name: name != baseline.signal)):
        for metric in TAUS:
            cells = tuple(_number(unit.metrics[signal][metric]) for unit in baseline.units)
            columns.append(Column(f"{metric} ({signal})", cells, place))
    columns.append(Column("leaves", tuple(unit.fingerprint.leaves[:8] for unit in baseline.units), 3))
    shown = {name: value for name, value in baseline.protocol.items() if name != "name"}
    notes = [f"{name}: {value}" for name, value in shown.items()]
    print_table(f"{baseline.experiment}: {baseline.strategy}", columns, notes, len(baseline.units), console)


def _tau(summary: dict[str, Any] | None) -> str:
    if summary is None:
        return _MISSING
    text = f"{summary['mean']:.3f}"
    if summary["sd"] is None:
        return text
    low, high = summary["interval"]
    return f"{text} ± {summary['sd']:.3f} [{low:.3f}, {high:.3f}]"


def _number(value: float | None) -> str:
    return _MISSING if value is None else f"{value:.3f}"
