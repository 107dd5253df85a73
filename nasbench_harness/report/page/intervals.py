"""A number with its interval as a small drawing for a cell of a table; the same axis in every row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nasbench_harness.report.page.markup import Html, element

WIDTH, HEIGHT, _EDGE = 200, 20, 4


@dataclass(frozen=True)
class Axis:
    """Numbers from ``low`` to ``high``; a dotted line stands at each of ``marks``, a whole one at 0."""

    low: float
    high: float
    marks: tuple[float, ...] = ()

    def place(self, value: float) -> float:
        """Where a value lies, in units of the drawing; beyond the axis at its end."""
        span = (self.high - self.low) or 1.0
        share = min(max((value - self.low) / span, 0.0), 1.0)
        return round(_EDGE + share * (WIDTH - 2 * _EDGE), 1)


def bar(axis: Axis, value: float, interval: tuple[float, float] | None, values: Sequence[float] = ()) -> Html:
    """A dot with its interval, and small dots for the values behind it."""
    middle = HEIGHT / 2
    lines: list[Html] = [
        element("line", x1=axis.place(mark), x2=axis.place(mark), y1=0, y2=HEIGHT, class_="mark") for mark in axis.marks
    ]
    if axis.low < 0 < axis.high:
        lines.append(element("line", x1=axis.place(0.0), x2=axis.place(0.0), y1=0, y2=HEIGHT, class_="zero"))
    if interval is not None:
        low, high = map(axis.place, interval)
        lines.append(element("line", x1=low, x2=high, y1=middle, y2=middle, class_="range"))
    lines += [element("circle", cx=axis.place(one), cy=middle, r=2, class_="seed") for one in values]
    lines.append(element("circle", cx=axis.place(value), cy=middle, r=3.6, class_="value"))
    return element(
        "svg", lines, viewbox=f"0 0 {WIDTH} {HEIGHT}", width=WIDTH, height=HEIGHT, aria_hidden="true", class_="bar"
    )
