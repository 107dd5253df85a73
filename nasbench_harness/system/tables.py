"""Tables of text in a terminal: what its width allows of them, whole; in a pipe all of them, a line for each row."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.console import Console

_GAP = 2
_NOTHING = ("", "-")
_LEAST_TEXT = 26
"""Fewest characters of a column of text that is wrapped: below that a table is harder to read than a list."""


@dataclass(frozen=True)
class Column:
    """One column as text.

    ``worth`` 0 is never left out, the highest number first. ``kind``: a ``label`` says what a row is of (the first
    column always does), a ``text`` may be broken at spaces, a ``number`` stands at the right.
    """

    title: str
    cells: tuple[str, ...]
    worth: int = 0
    kind: Literal["label", "text", "number"] = "number"


def print_table(
    title: str, columns: Sequence[Column], notes: Sequence[str], plain: int, console: Console | None = None
) -> None:
    """Print columns and notes to ``console``, standard output by default; rows after the first ``plain`` are dim.

    Where the width does not hold the table, first intervals move beneath their numbers, then columns are left out
    whole, the least telling first, and named beneath, and at last every row becomes a list of its cells. A pipe gets
    every column, unbroken. Colour follows rich: none for NO_COLOR or a pipe.
    """
    from rich.console import Console
    from rich.text import Text

    console = Console() if console is None else console
    unbroken, width = not console.is_terminal, console.width
    if unbroken:
        console.width = max(width, _width(columns, whole=True))
    shown = _fitting(columns, console.width)
    # not the table's own title, which would be broken at the table's width
    console.print(Text(title, style="italic"), soft_wrap=unbroken)
    if _width([*shown.values()]) <= console.width:
        _print_grid([*shown.values()], plain, console)
        hidden = [column.title for place, column in enumerate(columns) if place not in shown]
    else:
        _print_rows(columns, plain, console)
        hidden = []
    left_out = [f"left out for want of width: {', '.join(hidden)}; --wide shows all."] if hidden else []
    for note in [*notes, *left_out]:
        console.print(Text(note), style="dim", soft_wrap=unbroken)
    if unbroken:
        console.width = width


def print_rows(
    title: str,
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    console: Console | None = None,
    *,
    labels: Sequence[str] = (),
    texts: Sequence[str] = (),
    spare: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> None:
    """The same from rows of cells, one for each heading; ``labels`` and ``texts`` are headings of those kinds.

    ``spare``: headings that are left out first where the width is short, the last of them before the others.
    """
    kinds: dict[str, Literal["label", "text", "number"]] = {
        **dict.fromkeys(labels, "label"),
        **dict.fromkeys(texts, "text"),
    }
    columns = [
        Column(
            heading,
            tuple(row[place] for row in rows),
            1 + spare.index(heading) if heading in spare else 0,
            kinds.get(heading, "number"),
        )
        for place, heading in enumerate(headings)
    ]
    print_table(title, columns, notes, len(rows), console)


def _print_grid(columns: Sequence[Column], plain: int, console: Console) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, _GAP - 1, 0, 0))
    for place, column in enumerate(columns):
        number = column.kind == "number" and place > 0
        table.add_column(
            Text(column.title), justify="right" if number else "left", no_wrap=column.kind != "text", overflow="fold"
        )
    for row in range(len(columns[0].cells)):
        table.add_row(*(Text(column.cells[row]) for column in columns), style="" if row < plain else "dim")
        if row == plain - 1:
            table.add_section()
    console.print(table)


def _print_rows(columns: Sequence[Column], plain: int, console: Console) -> None:
    """Each row as a heading of its labels, beneath it its numbers one after the other, and texts on lines of their own.

    Cells without a value are not shown.
    """
    from rich.text import Text

    labels = [column for place, column in enumerate(columns) if place == 0 or column.kind == "label"]
    texts = [column for column in columns if column.kind == "text" and column not in labels]
    indent = max((len(column.title) for column in texts), default=0) + 4
    for row in range(len(columns[0].cells)):
        style = "" if row < plain else "dim"
        head = ", ".join(column.cells[row] for column in labels if column.cells[row])
        console.print(Text("\n".join(_broken(head, console.width, 2)), style=f"bold {style}".strip()))
        numbers = [
            f"{column.title} {column.cells[row]}"
            for column in columns
            if column not in labels and column not in texts and column.cells[row] not in _NOTHING
        ]
        lines = _flowing(numbers, console.width - 2)
        for column in texts:
            if column.cells[row]:
                first, *more = _broken(column.cells[row], console.width - indent, 0)
                lines += [f"{column.title:<{indent - 2}}{first}", *(" " * (indent - 2) + line for line in more)]
        for line in lines:
            console.print(Text(f"  {line}", style=style))


def _flowing(items: Sequence[str], width: int) -> list[str]:
    """The items one after the other, lines broken between them."""
    lines = [""]
    for item in items:
        joined = f"{lines[-1]}; {item}" if lines[-1] else item
        lines[-1:] = [joined] if len(joined) < width or not lines[-1] else [f"{lines[-1]};", item]
    return [line for line in lines if line]


def _broken(text: str, width: int, indent: int) -> list[str]:
    lines = textwrap.wrap(text, max(width, 1), subsequent_indent=" " * indent, break_on_hyphens=False)
    return lines or [""]


def _fitting(columns: Sequence[Column], width: int) -> dict[int, Column]:
    """The columns by their places, as they fit: as they are, with intervals beneath numbers, or fewer of them."""
    if _width(columns) <= width:
        return dict(enumerate(columns))
    shown = {place: _narrow(column) for place, column in enumerate(columns)}
    while _width([*shown.values()]) > width:
        last = max(shown, key=lambda place: shown[place].worth)
        if shown[last].worth == 0:
            break
        del shown[last]
    return shown


def _narrow(column: Column) -> Column:
    """Intervals beneath their numbers, and the title broken where its words are wider than the cells."""
    cells = column.cells
    if column.kind == "number":
        cells = tuple(re.sub(r" \[(?=[-+\d])", "\n[", cell) for cell in cells)
    pieces = re.findall(r" ?[^ _]*_+| ?[^ _]+(?: \*)?", column.title)
    room = max([_lines_width(cells), *(len(piece.strip()) for piece in pieces)])
    lines = [""]
    for piece in pieces:
        if len(lines[-1] + piece) <= room:
            lines[-1] += piece
        else:
            lines.append(piece.lstrip())
    return replace(column, title="\n".join(lines), cells=cells)


def _width(columns: Sequence[Column], whole: bool = False) -> int:
    """Characters of the widest line; a text counts with the least that it is broken to, unless it stays ``whole``."""
    widths = [_lines_width((column.title, *column.cells)) for column in columns]
    least = [
        width if whole or column.kind != "text" else min(width, _LEAST_TEXT)
        for width, column in zip(widths, columns, strict=True)
    ]
    return sum(least) + _GAP * (len(least) - 1)


def _lines_width(texts: Sequence[str]) -> int:
    return max((len(line) for text in texts for line in text.split("\n")), default=0)
