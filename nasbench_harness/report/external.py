"""Rows of a leaderboard that come from score files and not from records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from nasbench_harness.records.summary import Estimate, estimate_columns
from nasbench_harness.report.leaderboard import METRICS, Leaderboard, Row, by_tau

MARK = " (scores)"


def with_external(board: Leaderboard, judged: Mapping[str, Sequence[dict[str, Any]]]) -> Leaderboard:
    """The board with a row for each name, sorted in; ``judged``: the evaluated columns by name, one a seed.

    A file has one ranking where a record has signals: its tau stands beside each signal's.
    """
    rows = [_row(name, columns, board.signals) for name, columns in judged.items()]
    return replace(board, rows=by_tau([*board.rows, *rows]))


def _row(name: str, columns: Sequence[dict[str, Any]], signals: Sequence[str]) -> Row:
    metrics = {metric: estimate_columns(columns, metric) for metric in METRICS}
    tau: dict[str, Estimate | None] = dict.fromkeys(signals, metrics["kendall_tau"])
    return Row(f"{name}{MARK}", None, len(columns), tau, metrics, {}, seeds=tuple(range(len(columns))), external=True)
