"""The leaderboard in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nasbench_harness.report.cells import table_of
from nasbench_harness.report.leaderboard import Leaderboard
from nasbench_harness.report.tables import show

if TYPE_CHECKING:
    from rich.console import Console


def print_leaderboard(board: Leaderboard, console: Console | None = None) -> None:
    """Print the table to ``console``, standard output by default; what does not fit is left out by whole columns."""
    show(table_of(board), console)
