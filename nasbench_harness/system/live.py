"""Progress drawn: in a terminal a line for each part, redrawn in place; elsewhere few lines, with time stamps."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from nasbench_harness.system.estimate import duration
from nasbench_harness.system.lines import aligned, print_line
from nasbench_harness.system.meter import Meter
from nasbench_harness.system.whole_run import WholeRun

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

SECONDS_BETWEEN_LINES = 60.0
"""In a log, of one part, in the first ten minutes; later a tenth of the time since the start."""

MOST_BETWEEN_LINES = 600.0

SECONDS_BETWEEN_PHASES = 10.0
"""In a log: phases that follow each other faster have no lines of their own."""

_BAR = 20


class LiveView:
    """The parts of the work that run at the moment, below a line on the whole run where one is followed."""

    def __init__(self) -> None:
        self.rows: list[LiveRow] = []
        self.whole: WholeRun | None = None

    def __rich_console__(self, console: Console, options: object) -> list[Text]:
        from rich.text import Text

        lines = [self.whole.line(running_of(self.rows))] if self.whole is not None else []
        shown = list(self.rows)
        rows = [row for row in shown if row.title] or shown  # what went before the parts is over
        return [Text(line, no_wrap=True, overflow="ellipsis") for line in [*lines, *self.table(rows, console.width)]]

    def table(self, rows: list[LiveRow], width: int) -> list[str]:
        """The lines of the parts, with a bar and the unit of work where ``width`` has room for them."""
        if not rows:
            return []
        for bar, unit in ((True, True), (False, True), (False, False)):
            cells = [row.cells(bar, unit) for row in rows]
            used = [column for column in zip(*cells, strict=True) if any(column)]
            lines = aligned([*zip(*used, strict=True)], [0, 1] if rows[0].title else [0], width)
            if max(map(len, lines), default=0) <= width and not any("…" in line for line in lines):
                break
        return lines


class LiveRow:
    """Progress of one part."""

    def __init__(self, view: LiveView, title: str = "") -> None:
        self.view, self.title = view, title
        self.meter = Meter()

    def start(self, phase: str, total: float, unit: str) -> None:
        """A new phase begins."""
        self.meter.start(phase, total, unit)
        if self not in self.view.rows:
            self.view.rows.append(self)

    def advance(self, amount: float) -> None:
        """More of the phase is done."""
        self.meter.advance(amount)

    def tell(self, values: Mapping[str, float]) -> None:
        """Values of the moment."""
        self.meter.tell(values)

    def follow(self, whole: WholeRun) -> None:
        """Show a line on the whole run."""
        self.view.whole = whole

    def fork(self, title: str) -> LiveRow:
        """A line of its own."""
        row = LiveRow(self.view, _below(self.title, title))
        if self.view.whole is not None:
            self.view.whole.begin(title)
        self.view.rows.append(row)
        return row

    def close(self) -> None:
        """The line goes."""
        if self in self.view.rows:
            self.view.rows.remove(self)

    def cells(self, bar: bool, unit: bool) -> tuple[str, ...]:
        """Title, phase, bar, share, loss, rate, time left; empty where there is none."""
        meter = self.meter
        full = round(meter.share * _BAR)
        drawn = "━" * full + "─" * (_BAR - full) if bar else ""
        loss, left = meter.told.get("loss"), meter.left
        return (
            self.title,
            meter.phase or "starting",
            drawn,
            f"{meter.share:.0%}",
            "" if loss is None else f"loss {loss:.3f}",
            rate_of(meter, unit),
            "" if left is None else f"{duration(left)} left",
        )


class LogView:
    """What the lines of a log have in common."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.rows: list[LogRow] = []
        self.whole: WholeRun | None = None
        self.begun = time.monotonic()
        self.told_whole = self.begun

    def pause(self) -> float:
        """Seconds between two lines of one part."""
        return min(max(SECONDS_BETWEEN_LINES, (time.monotonic() - self.begun) / 10), MOST_BETWEEN_LINES)

    def print(self, text: str) -> None:
        """A line of its own, unbroken, with a time stamp."""
        print_line(self.console, f"{stamp()} {text}")

    def print_whole(self) -> None:
        """The line on the whole run, if it is time for one."""
        now = time.monotonic()
        if self.whole is not None and now - self.told_whole >= self.pause():
            running = running_of(self.rows)
            if self.whole.left(running) is not None:
                self.told_whole = now
                self.print(self.whole.line(running))


class LogRow:
    """Progress of one part as lines: when it begins and then by time."""

    def __init__(self, view: LogView, title: str = "") -> None:
        self.view, self.title = view, title
        self.meter = Meter()
        self.told: float | None = None

    def start(self, phase: str, total: float, unit: str) -> None:
        """A new phase begins."""
        self.meter.start(phase, total, unit)
        now = time.monotonic()
        if self.told is None or now - self.told >= SECONDS_BETWEEN_PHASES:
            self.told = now
            self._print(f"{total:,.0f} {unit}")

    def advance(self, amount: float) -> None:
        """More of the phase is done."""
        self.meter.advance(amount)
        if self.told is not None and time.monotonic() - self.told < self.view.pause():
            return
        self.told = time.monotonic()
        loss, rate, left = self.meter.told.get("loss"), rate_of(self.meter, True), self.meter.left
        told = [
            f"{self.meter.share:.0%}",
            *([f"loss {loss:.3f}"] if loss is not None else []),
            *([rate] if rate else []),
        ]
        self._print(", ".join([*told, *([f"{duration(left)} left"] if left is not None else [])]))
        self.view.print_whole()

    def tell(self, values: Mapping[str, float]) -> None:
        """Values of the moment."""
        self.meter.tell(values)

    def follow(self, whole: WholeRun) -> None:
        """Print a line on the whole run now and then."""
        self.view.whole = whole

    def fork(self, title: str) -> LogRow:
        """Lines headed by ``title``."""
        row = LogRow(self.view, _below(self.title, title))
        self.view.rows.append(row)
        if self.view.whole is not None:
            self.view.whole.begin(title)
            self.view.print_whole()
        return row

    def close(self) -> None:
        """Lines stay where they are."""
        if self in self.view.rows:
            self.view.rows.remove(self)

    def _print(self, text: str) -> None:
        self.view.print(f"{_below(self.title, self.meter.phase)}: {text}")


def running_of(rows: Sequence[LiveRow | LogRow]) -> dict[str, Meter]:
    """The meters of the parts that have a title, by it."""
    return {row.title: row.meter for row in list(rows) if row.title}


def rate_of(meter: Meter, unit: bool) -> str:
    """Such as ``1,234 updates/s``; empty while it is not known."""
    rate = meter.rate
    if rate is None:
        return ""
    return (f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}") + (f" {meter.unit}/s" if unit else "/s")


def stamp() -> str:
    """The time as logs have it: local, with the offset from UTC."""
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _below(title: str, part: str) -> str:
    return f"{title} · {part}" if title else part
