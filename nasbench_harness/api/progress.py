"""What a notebook or a terminal shows of long work: a bar by default, nothing where that is asked for."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from importlib import import_module
from typing import Any

from nasbench_harness.system.progress import Progress, Silent, terminal_progress

SECONDS_BETWEEN_DRAWINGS = 0.25
"""A notebook redraws a cell's output by a message through the browser, so not at every step."""


@contextmanager
def shown_progress(progress: Progress | bool | None) -> Iterator[Progress]:
    """The receiver of progress: True gives a bar fit for the place, None or False silence, an object is taken as is."""
    if progress is None or isinstance(progress, bool):
        if not progress:
            yield Silent()
        elif in_notebook():
            bars = NotebookProgress(_display())
            try:
                yield bars
            finally:
                bars.close()
        else:
            from rich.console import Console

            with terminal_progress(Console(stderr=True)) as bar:
                yield bar
    else:
        yield progress


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook; IPython in a terminal is none."""
    return notebook_shell() is not None


def notebook_shell() -> Any:
    """IPython's shell where this process is the kernel of a notebook, else None."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return shell if hasattr(shell, "kernel") else None


def _display() -> Callable[[str], None]:
    """A function that replaces the HTML shown in the running cell."""
    show: Any = import_module("IPython.display")
    handle = show.display(show.HTML(""), display_id=True)
    return lambda text: handle.update(show.HTML(text))


class NotebookProgress:
    """One HTML bar for each part of the work that runs at the moment, redrawn in place by ``show``."""

    def __init__(self, show: Callable[[str], None], title: str = "", root: NotebookProgress | None = None) -> None:
        self.title, self.show, self.root = title, show, root or self
        self.active: list[NotebookProgress] = []
        self.drawn = 0.0
        self.phase, self.unit, self.total, self.done = "", "", 0.0, 0.0

    def start(self, phase: str, total: float, unit: str) -> None:
        """A new phase begins, from zero."""
        self.phase, self.unit, self.total, self.done = phase, unit, total, 0.0
        if self not in self.root.active:
            self.root.active.append(self)
        self.root.draw()

    def advance(self, amount: float) -> None:
        """Redraw, unless that was done a moment ago."""
        self.done += amount
        if time.monotonic() - self.root.drawn >= SECONDS_BETWEEN_DRAWINGS:
            self.root.draw()

    def fork(self, title: str) -> Progress:
        """A bar of its own for one part of the work."""
        return NotebookProgress(self.show, f"{self.title}{title} · ", self.root)

    def close(self) -> None:
        """Take the bar away."""
        if self in self.root.active:
            self.root.active.remove(self)
        self.root.draw()

    def draw(self) -> None:
        """Show all bars of the moment."""
        self.drawn = time.monotonic()
        self.show("<br>".join(bar.html() for bar in self.active))

    def html(self) -> str:
        """This bar with its title, the work done and the whole of it."""
        text = escape(f"{self.title}{self.phase}: {self.done:,.0f} of {self.total:,.0f} {self.unit}")
        return f'<progress value="{self.done:g}" max="{self.total:g}"></progress> {text}'
