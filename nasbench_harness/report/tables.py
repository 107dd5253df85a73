"""Tables as columns of text, in a terminal cut to its width by whole columns, and in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

_GAP = 2


@dataclass(frozen=True)
class Column:
    """One column as text; ``worth`` 0 is never left out, the highest number first."""

    title: str
    cells: tuple[str, ...]
    worth: int


def print_table(
    title: str, columns: Sequence[Column], notes: Sequence[str], plain: int, console: Console | None = None
) -> None:
    """Print columns and notes to ``console``, standard output by default; rows after the first ``plain`` are dim.

    Columns that do not fit are left out whole, the least telling first, and named beneath; a pipe gets all of them.
    Colour follows rich: none for NO_COLOR or a pipe.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    columns = [_stacked(column) for column in columns]
    console = Console() if console is None else console
    if not console.is_terminal:
        console = Console(file=console.file, width=max(console.width, _width(columns)))
    shown = _fitting(columns, console.width)
    # not the table's own title, which would be broken at the table's width
    console.print(Text(title, style="italic"))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for place, column in enumerate(shown):
        table.add_column(column.title, justify="right" if place else "left", no_wrap=bool(place), overflow="fold")
    for row in range(len(columns[0].cells)):
        table.add_row(*(Text(column.cells[row]) for column in shown), style="" if row < plain else "dim")
        if row == plain - 1:
            table.add_section()
    console.print(table, soft_wrap=False)
    hidden = [column.title.replace("\n", " ") for column in columns if column not in shown]
    left_out = [f"left out for want of width: {', '.join(hidden)}; widen the terminal or use --json."] if hidden else []
    for note in [*notes, *left_out]:
        console.print(Text(note), style="dim")


def markdown_table(heading: str, columns: Sequence[Column], notes: Iterable[str]) -> str:
    """A heading, the whole table, and the notes one needs to read it; ends with a newline."""
    lines = [
        f"### {heading}",
        "",
        _line(column.title for column in columns),
        "|" + "|".join(" :--- " if place == 0 else " ---: " for place in range(len(columns))) + "|",
        *(_line(column.cells[row] for column in columns) for row in range(len(columns[0].cells))),
        "",
        *(f"- {_escaped(note)}" for note in notes),
    ]
    return "\n".join(lines) + "\n"


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(_escaped(cell) for cell in cells) + " |"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")


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
