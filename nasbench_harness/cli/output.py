"""How verbs speak: the result on stdout, as JSON or drawn, and everything else on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from nasbench_harness.cli.options import Destination


_UNBROKEN = 1000
"""Columns of a terminal that breaks nothing."""


def emit(value: object, as_json: bool, draw: Callable[[Console], object], wide: bool = False) -> None:
    """The result on stdout: as JSON, or drawn on a console; ``wide``: whatever the width of the terminal is."""
    if as_json:
        print(json.dumps(value, indent=1, allow_nan=False))
        return
    from rich.console import Console

    console = Console()
    # a pipe gets every column, unwrapped
    draw(console if console.is_terminal and not wide else Console(width=_UNBROKEN))


def emit_files(files: list[str], as_json: bool) -> None:
    """The paths of what a verb wrote, as its result on stdout."""
    emit({"files": files}, as_json, lambda console: console.print("\n".join(files), highlight=False))


def note(text: str) -> None:
    """A line for the user that is not the result."""
    print(text, file=sys.stderr)


def keep(result: dict[str, Any], destination: Destination, name: str) -> None:
    """Store the result as ``name.json`` and its figures, where asked."""
    from nasbench_harness.system.files import write_json

    if destination.out is not None:
        path = destination.out / f"{name}.json"
        write_json(path, result)
        note(f"result in {path}")
    if destination.figures is not None:
        from nasbench_harness.figures import save_figures
        from nasbench_harness.figures.hardware import draw_hardware

        for path in save_figures(draw_hardware(result, destination.width), destination.figures):
            note(f"figure {path}")
