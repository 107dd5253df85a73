"""The leaderboard in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nasbench_harness.report.cells import columns_of, notes_of
from nasbench_harness.report.leaderboard import Leaderboard
from nasbench_harness.report.tables import print_table

if TYPE_CHECKING:
    from rich.console import Console


def print_leaderboard(board: Leaderboard, console: Console | None = None) -> None:
    """Print the table to ``console``, standard output by default; what does not fit is left out by whole columns."""
    print_table(board.experiment, columns_of(board), notes_of(board), len(board.rows), console)
