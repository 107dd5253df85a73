"""The leaderboard as a Markdown table."""

from __future__ import annotations

from nasbench_harness.report.cells import table_of
from nasbench_harness.report.leaderboard import Leaderboard
from nasbench_harness.report.tables import markdown_of


def render_markdown(board: Leaderboard) -> str:
    """A heading, the whole table, and the notes one needs to read it; ends with a newline."""
    return markdown_of(table_of(board))
