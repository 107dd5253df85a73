"""The status of a run in a terminal: a line on the whole, the units in flight, what went wrong, counts by strategy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

from nasbench_harness.experiment.status import FINISHED, STALE, STATES, RunStatus, UnitStatus
from nasbench_harness.system.estimate import duration
from nasbench_harness.system.heartbeat import FAILED, RUNNING, STOPPED
from nasbench_harness.system.lines import aligned, print_line

if TYPE_CHECKING:
    from rich.console import Console

_MISSING = "-"
_UNBOUNDED = 100_000
_WIDE = 110
"""Columns from which the host and the age of the heartbeat are shown."""


def print_status(run: RunStatus, console: Console) -> None:
    """Print one run; tables fit 80 columns, lines on failed units are as long as they are."""
    print_line(console, summary(run))
    running = run.of(RUNNING)
    if running:
        _print_running(run, running, console)
    troubles = [*run.of(STALE), *run.of(STOPPED), *run.of(FAILED)]
    for line in ["", *map(_trouble, troubles)] if troubles else []:
        print_line(console, line)
    _print_strategies(run, console)


def summary(run: RunStatus) -> str:
    """The whole run in a line."""
    counts = {state: len(run.of(state)) for state in STATES}
    others = [f"{count} {state}" for state, count in counts.items() if count and state != FINISHED]
    line = ", ".join([f"{run.name}: {counts[FINISHED]} of {len(run.units)} units finished", *others])
    if counts[FINISHED] == len(run.units):
        return line
    left = run.seconds_left
    if left is None:
        return f"{line}; no estimate yet"
    workers = counts[RUNNING]
    return f"{line}; about {duration(left)} left" + ("" if workers else " by one worker, none runs now")


def _print_running(run: RunStatus, units: Sequence[UnitStatus], console: Console) -> None:
    headings = ["strategy", "seed", "stage", "done", "loss", "rate", "left"]
    wide = not console.is_terminal or console.width >= _WIDE
    rows = []
    for unit in units:
        beat, left = unit.beat, run.left_of(unit)
        rate = beat.get("rate")
        row = [
            unit.strategy,
            str(unit.seed),
            str(beat.get("stage") or "starting"),
            _formatted(beat.get("share"), ".0%"),
            _formatted(beat.get("loss"), ".3f"),
            f"{rate:,.0f}/s" if isinstance(rate, int | float) else _MISSING,
            _MISSING if left is None else duration(left),
        ]
        rows.append([*row, f"{beat.get('host')}:{beat.get('pid')}", f"{unit.age or 0:.0f} s ago"] if wide else row)
    _print_table([*headings, *(["process", "heard"] if wide else [])], rows, console)


def _print_strategies(run: RunStatus, console: Console) -> None:
    states = [state for state in STATES if state == FINISHED or run.of(state)]
    rows = []
    found = Counter((unit.strategy, unit.state) for unit in run.units)
    for strategy in dict.fromkeys(unit.strategy for unit in run.units):
        spent = run.finished.get(strategy)
        counts = [str(found[strategy, state] or _MISSING) for state in states]
        rows.append([strategy, *counts, duration(fmean(one.all for one in spent)) if spent else _MISSING])
    _print_table(["strategy", *states, "a unit takes"], rows, console)


def _trouble(unit: UnitStatus) -> str:
    beat = unit.beat
    where = f" on {beat['host']} (process {beat.get('pid')})" if beat.get("host") else ""
    line = f"{unit.state}: {unit.strategy} seed {unit.seed}{where}"
    if unit.state == STALE:
        return f"{line}: no heartbeat for {duration(unit.age or 0)}, last in {beat.get('stage') or 'its start'!r}"
    if unit.state == FAILED or beat.get("error"):
        return f"{line}: {beat.get('error') or 'no reason told'}"
    return f"{line}: the same command resumes it"


def _print_table(headings: Sequence[str], rows: Sequence[Sequence[str]], console: Console) -> None:
    left = [place for place, heading in enumerate(headings) if heading in ("strategy", "stage")]
    width = console.width if console.is_terminal else _UNBOUNDED
    head, *lines = aligned([headings, *rows], left, width)
    for line in ["", head, "─" * max(map(len, (head, *lines))), *lines]:
        print_line(console, line)


def _formatted(value: Any, form: str) -> str:
    return format(value, form) if isinstance(value, int | float) else _MISSING
