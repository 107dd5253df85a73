"""How long-running work tells how far it is; the command line draws it, a library user may ignore it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from nasbench_harness.system.live import LiveRow, LiveView, LogRow, LogView
from nasbench_harness.system.meter import Meter
from nasbench_harness.system.whole_run import WholeRun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rich.console import Console


class Progress(Protocol):
    """Receiver of progress: phases one after the other, each with a known amount of work.

    It may also have ``tell(values)`` and ``follow(whole)``, see the functions of these names.
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


def follow(progress: Progress, whole: WholeRun) -> None:
    """The units of a run, to a receiver that has a method ``follow`` and shows how far all of them are."""
    receive = getattr(progress, "follow", None)
    if receive is not None:
        receive(whole)


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


@contextmanager
def terminal_progress(console: Console) -> Iterator[Progress]:
    """On a terminal a line for each part that runs, redrawn in place; elsewhere few lines, with time stamps."""
    if not console.is_terminal:
        yield LogRow(LogView(console))
        return
    from rich.live import Live

    view = LiveView()
    with Live(view, console=console, refresh_per_second=4, transient=True):
        yield LiveRow(view)


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


class Metered:
    """Progress that is handed on to ``inner``, and measured by ``meter`` on the way; parts of it are not."""

    def __init__(self, inner: Progress) -> None:
        self.inner, self.meter = inner, Meter()

    def start(self, phase: str, total: float, unit: str) -> None:
        """A new phase begins."""
        self.meter.start(phase, total, unit)
        self.inner.start(phase, total, unit)

    def advance(self, amount: float) -> None:
        """More of the phase is done."""
        self.meter.advance(amount)
        self.inner.advance(amount)

    def tell(self, values: Mapping[str, float]) -> None:
        """Values of the moment."""
        self.meter.tell(values)
        tell(self.inner, values)

    def fork(self, title: str) -> Progress:
        """Progress of a part."""
        return self.inner.fork(title)

    def close(self) -> None:
        """The work is done."""
        self.inner.close()
