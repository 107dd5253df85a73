"""How verbs speak: the result on stdout, as JSON or drawn, and everything else on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from rich.console import Console

Json = Annotated[bool, Parameter(name="--json", negative="", help="Print the result as JSON.")]


def emit(value: object, as_json: bool, draw: Callable[[Console], object]) -> None:
    """The result on stdout: as JSON, or drawn on a console."""
    if as_json:
        print(json.dumps(value, indent=1, allow_nan=False))
        return
    from rich.console import Console

    console = Console()
    draw(console if console.is_terminal else Console(width=1000))  # a pipe gets every column, unwrapped


def note(text: str) -> None:
    """A line for the user that is not the result."""
    print(text, file=sys.stderr)
