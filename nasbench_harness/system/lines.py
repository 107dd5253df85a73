"""Lines on a rich console that come out as they are: no markup, no colours, no breaks at the width of the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


def print_line(console: Console, line: str) -> None:
    """One line, whatever it holds and however long it is."""
    console.print(line, highlight=False, markup=False, soft_wrap=True)


def print_origin(console: Console, described: Mapping[str, Any]) -> None:
    """A line for each plain fact of ``described["meta"]``, then the file that was written, if there is one."""
    for key, value in described["meta"].items():
        if isinstance(value, str | int | float | bool):
            print_line(console, f"{key}: {value}")
    if "file" in described:
        print_line(console, f"written: {described['file']}")
