"""The leaderboard in a terminal, cut to its width by whole columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nasbench_harness.report.cells import Column, columns_of, notes_of
from nasbench_harness.report.leaderboard import Leaderboard

if TYPE_CHECKING:
    from rich.console import Console

_GAP = 2


def print_leaderboard(board: Leaderboard, console: Console | None = None) -> None:
    """Print the table to ``console``, standard output by default.

    Columns that do not fit are left out whole, the least telling first, and named beneath; a pipe gets all of them.
    Colour follows rich: none for NO_COLOR or a pipe.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    columns = [_stacked(column) for column in columns_of(board)]
    console = Console() if console is None else console
    if not console.is_terminal:
        console = Console(file=console.file, width=max(console.width, _width(columns)))
    shown = _fitting(columns, console.width)
    table = Table(box=box.SIMPLE_HEAD, title=board.experiment, title_justify="left", pad_edge=False, padding=(0, 1))
    for column in shown:
        first = column.title == "strategy"
        table.add_column(column.title, justify="left" if first else "right", no_wrap=not first, overflow="fold")
    for row in range(len(board.rows) + len(board.references)):
        style = "" if row < len(board.rows) else "dim"
        table.add_row(*(Text(column.cells[row]) for column in shown), style=style)
        if row == len(board.rows) - 1:
            table.add_section()
    console.print(table, soft_wrap=False)
    hidden = [column.title.replace("\n", " ") for column in columns if column not in shown]
    notes = notes_of(board)
    if hidden:
        notes.append(f"left out for want of width: {', '.join(hidden)}; widen the terminal or use --json.")
    for note in notes:
        console.print(Text(note), style="dim")


def _stacked(column: Column) -> Column:
    """Interval under its number and unit words under the title: half the width, nothing lost."""
    cells = tuple(cell.replace(" [", "\n[") for cell in column.cells)
    return Column(column.title.replace(" (", "\n("), cells, column.worth)


def _fitting(columns: list[Column], width: int) -> list[Column]:
    shown = list(columns)
    while _width(shown) > width and max(column.worth for column in shown) > 0:
        shown.remove(max(shown, key=lambda column: column.worth))
    return shown


def _width(columns: list[Column]) -> int:
    widths = [
        max(len(line) for text in (column.title, *column.cells) for line in text.split("\n")) for column in columns
    ]
    return sum(widths) + _GAP * len(widths)
