"""Lines on a rich console that come out as they are: no markup, no colours, no breaks at the width of the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

_GAP = 2
_NARROWEST = 8


def aligned(rows: Sequence[Sequence[str]], left: Sequence[int], width: int) -> list[str]:
    """Rows of cells as lines with columns, those in ``left`` to the left and the others to the right.

    Where ``width`` characters do not hold them, the last of ``left`` is cut, with an ellipsis, and then the one before.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for column in reversed(left):
        over = sum(widths) + _GAP * (len(widths) - 1) - width
        widths[column] -= max(0, min(over, widths[column] - _NARROWEST))
    return [_line(row, widths, left) for row in rows]


def _line(row: Sequence[str], widths: Sequence[int], left: Collection[int]) -> str:
    cells = [cell if len(cell) <= width else cell[: width - 1] + "…" for cell, width in zip(row, widths, strict=True)]
    placed = [
        cell.ljust(width) if column in left else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return (" " * _GAP).join(placed).rstrip()


def print_line(console: Console, line: str) -> None:
    """One line, whatever it holds and however long it is."""
    console.print(line, highlight=False, markup=False, soft_wrap=True)


def print_paragraph(console: Console, text: str, indent: int = 4) -> None:
    """A text that may be broken at spaces, its further lines indented; a pipe gets one line."""
    if console.is_terminal:
        lines = textwrap.wrap(text, console.width, subsequent_indent=" " * indent, break_on_hyphens=False)
        text = "\n".join(lines)
    print_line(console, text)


def print_origin(console: Console, described: Mapping[str, Any]) -> None:
    """A line for each plain fact of ``described["meta"]``, then the file that was written, if there is one."""
    for key, value in described["meta"].items():
        if isinstance(value, str | int | float | bool):
            print_line(console, f"{key}: {value}")
    if "file" in described:
        print_line(console, f"written: {described['file']}")
