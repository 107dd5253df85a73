"""The leaderboard as a Markdown table."""

from __future__ import annotations

from collections.abc import Iterable

from nasbench_harness.report.cells import columns_of, notes_of
from nasbench_harness.report.leaderboard import Leaderboard


def render_markdown(board: Leaderboard) -> str:
    """A heading, the whole table, and the notes one needs to read it; ends with a newline."""
    columns = columns_of(board)
    lines = [
        f"### {board.experiment}",
        "",
        _line(column.title for column in columns),
        "|" + "|".join(" :--- " if place == 0 else " ---: " for place in range(len(columns))) + "|",
        *(_line(column.cells[row] for column in columns) for row in range(len(columns[0].cells))),
        "",
        *(f"- {_escaped(note)}" for note in notes_of(board)),
    ]
    return "\n".join(lines) + "\n"


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(_escaped(cell) for cell in cells) + " |"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")
