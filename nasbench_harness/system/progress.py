"""How long-running work tells how far it is; the command line draws it, a library user may ignore it."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rich import progress
    from rich.console import Console


SECONDS_BETWEEN_LINES = 60.0


class Progress(Protocol):
    """Receiver of progress: phases one after the other, each with a known amount of work.

    It may also have ``tell(values)``, see the function of that name.
    """

    def start(self, phase: str, total: float, unit: str) -> None:
        """A new phase begins: ``total`` units of work named ``unit``."""

    def advance(self, amount: float) -> None:
        """``amount`` more units of the current phase are done."""

    def fork(self, title: str) -> Progress:
        """Progress of one part of the work, beside others that run at the same time; ``title`` heads its phases."""

    def close(self) -> None:
        """The part is done: nothing more of it needs to be shown."""


def tell(progress: Progress, values: Mapping[str, float]) -> None:
    """Values of the moment by name, such as the loss, to a receiver that has a method ``tell``; others go without."""
    receive = getattr(progress, "tell", None)
    if receive is not None:
        receive(values)


class Silent:
    """Progress that goes nowhere."""

    def start(self, phase: str, total: float, unit: str) -> None:
        """Ignore the phase."""

    def advance(self, amount: float) -> None:
        """Ignore the work."""

    def fork(self, title: str) -> Progress:
        """The same silence."""
        return self

    def close(self) -> None:
        """Nothing was shown."""


class _Bar:
    def __init__(self, console: Console, shared: progress.Progress | None = None, title: str = "") -> None:
        from rich import progress

        self.title = title
        self.bar = shared or progress.Progress(
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(bar_width=24),
            progress.TaskProgressColumn(),
            progress.TextColumn("{task.fields[rate]}", justify="right"),
            progress.TextColumn("left"),
            progress.TimeRemainingColumn(compact=True),
            console=console,
            refresh_per_second=4,
            speed_estimate_period=20.0,
        )
        self.task: progress.TaskID | None = None
        self.unit = ""

    def start(self, phase: str, total: float, unit: str) -> None:
        self.close()
        self.unit = unit
        self.task = self.bar.add_task(f"{self.title}{phase}", total=total, rate="")

    def advance(self, amount: float) -> None:
        if self.task is None:
            return
        self.bar.advance(self.task, amount)
        speed = next(task.speed for task in self.bar.tasks if task.id == self.task)
        if speed:
            self.bar.update(self.task, rate=f"{speed:,.0f} {self.unit}/s")

    def fork(self, title: str) -> Progress:
        return _Bar(self.bar.console, self.bar, f"{self.title}{title} · ")

    def close(self) -> None:
        if self.task is not None:
            self.bar.remove_task(self.task)
            self.task = None


class _Lines:
    """A line a phase and at most one a minute, for logs and pipes, where a moving bar would be noise."""

    def __init__(self, console: Console, title: str = "") -> None:
        self.console, self.title = console, title
        self.phase, self.unit = "", ""
        self.total = self.done = self.started = self.told = 0.0

    def start(self, phase: str, total: float, unit: str) -> None:
        self.phase, self.total, self.unit, self.done = phase, total, unit, 0.0
        self.started = self.told = time.monotonic()
        self._print(f"{total:,.0f} {unit}")

    def advance(self, amount: float) -> None:
        self.done += amount
        now = time.monotonic()
        if now - self.told >= SECONDS_BETWEEN_LINES:
            self.told = now
            rate = self.done / (now - self.started)
            left = (self.total - self.done) / rate
            self._print(f"{self.done / self.total:.0%}, {rate:,.0f} {self.unit}/s, {left / 60:.0f} min left")

    def _print(self, text: str) -> None:
        self.console.print(f"{self.title}{self.phase}: {text}", highlight=False, markup=False)

    def fork(self, title: str) -> Progress:
        return _Lines(self.console, f"{self.title}{title} · ")

    def close(self) -> None:
        """Lines stay where they are."""


@contextmanager
def terminal_progress(console: Console) -> Iterator[Progress]:
    """A bar with rate and time left on a terminal, a line for each phase elsewhere."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    drawn = _Bar(console)
    with drawn.bar:
        yield drawn


def counted(progress: Progress, phase: str, unit: str) -> Callable[[int, int], None]:
    """A receiver of (done, total) that draws on ``progress``; work done before the first report counts as done."""
    last = -1

    def report(done: int, total: int) -> None:
        nonlocal last
        if last < 0:
            progress.start(phase, total, unit)
            last = 0
        progress.advance(done - last)
        last = done

    return report
