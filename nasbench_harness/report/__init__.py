"""Tables from the records of a run: terminal, Markdown, JSON."""

from nasbench_harness.report.leaderboard import Leaderboard, Row, leaderboard
from nasbench_harness.report.markdown import render_markdown
from nasbench_harness.report.side_by_side import SideBySide
from nasbench_harness.report.terminal import print_leaderboard

__all__ = ["Leaderboard", "Row", "SideBySide", "leaderboard", "print_leaderboard", "render_markdown"]
