"""A row a strategy: its name, a dot a seed, the mean with its interval."""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING, Any

from nasbench_harness.figures import style
from nasbench_harness.figures.page import Page
from nasbench_harness.figures.sheet import Sheet
from nasbench_harness.records import Record
from nasbench_harness.records.summary import Estimate, estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DASHES: dict[str, Any] = {"flops": (0, (5, 2)), "live_flops": (0, (1, 1.2))}
"""How the lines of references are dashed."""


def height(count: int, page: Page, beside: float) -> float:
    """Inches of a figure with that many rows, and lines of legend and labels ``beside`` them."""
    return (1.25 * count + 1.2 * beside) * page.line + 0.25


def name_rows(axis: Axes, sheet: Sheet, order: list[str]) -> None:
    """Names at the left axis, the first on top, those that are highlighted in bold."""
    axis.set_yticks(range(len(order)), [style.name_of(name) for name in order])
    for label, name in zip(axis.get_yticklabels(), order, strict=True):
        label.set_fontweight("bold" if name in sheet.highlight else "normal")
    axis.set_ylim(len(order) - 0.4, -0.6)
    axis.tick_params(axis="y", length=0)


def draw_metric(axis: Axes, sheet: Sheet, order: list[str], metric: str) -> list[float]:
    """One metric of every strategy, a row each; returns what is to be seen."""
    marks = sheet.marks
    shown: list[float] = []
    for place, name in enumerate(order):
        records = sheet.run.of(name)
        result = estimate(records, metric, sheet.signal)
        if result is None:
            _draw_undefined(axis, place, sheet.page)
            continue
        draw_row(axis, place, result, marks[name])
        shown.extend(result.values)
        if result.interval is not None and result.n != 2:  # of two seeds it may be as wide as the axis: it runs off
            shown.extend(result.interval)
    return shown


def draw_row(axis: Axes, place: float, result: Estimate, mark: style.Mark) -> None:
    """Seeds as dots, the mean as a bar, its interval as a band; one seed as a ring."""
    colour = mark.colour
    if result.interval is not None:
        axis.plot(result.interval, [place] * 2, color=colour, linewidth=3, alpha=0.3, solid_capstyle="butt")
    if result.n > 1:
        axis.plot(result.values, [place] * result.n, "o", color=colour, markersize=2.6, mew=0, alpha=0.7)
        axis.plot(result.mean, place, "|", color=colour, markersize=8, mew=1.8, zorder=4)
    else:
        axis.plot(result.mean, place, "o", color=colour, markersize=4, mfc="white", mew=1.2, zorder=4)


def draw_reference(axis: Axes, value: float, label: str, **look: Any) -> Any:
    """A vertical line over all rows, with its value in the label."""
    return axis.axvline(value, label=f"{label} {style.number(value)}", linewidth=0.9, zorder=1, **look)


def draw_references(axis: Axes, record: Record, metric: str, names: tuple[str, ...]) -> list[float]:
    """Lines of the reference rankings that have the metric; their values."""
    values = []
    for name in names:
        value = record.references[name].get(metric) if name in record.references else None
        if value is not None:
            draw_reference(axis, float(value), style.title_of(name), color="black", linestyle=DASHES[name])
            values.append(float(value))
    return values


def set_limits(axis: Axes, shown: list[float], ticks: int = 5) -> None:
    """Limits that hold the values with a margin, no more than 1, which correlations end at; about so many ticks."""
    if shown:
        margin = 0.05 * max(max(shown) - min(shown), 0.02)
        axis.set_xlim(min(shown) - margin, min(max(shown) + margin, 1.005))
    axis.xaxis.set_major_locator(_few_ticks(ticks))
    axis.grid(axis="x")
    axis.set_axisbelow(True)


def dot_handles(counts: Set[int], mean: str = "|") -> list[Any]:
    """Legend of seeds, means (marked ``mean``) and intervals, as far as they occur; ``counts``: seeds of the rows."""
    from matplotlib.lines import Line2D

    grey: dict[str, Any] = {"color": style.GREY, "linestyle": ""}
    handles = []
    if max(counts) > 1:
        handles.append(Line2D([], [], marker="o", markersize=2.6, mew=0, label="one seed", **grey))
        handles.append(Line2D([], [], marker=mean, markersize=8, mew=1.8, label="mean, 95 % over seeds", **grey))
    if 1 in counts:
        label = "one seed, 95 % bootstrap"
        handles.append(Line2D([], [], marker="o", markersize=4, mfc="white", mew=1.2, label=label, **grey))
    return handles


def _draw_undefined(axis: Axes, place: int, page: Page) -> None:
    axis.text(
        0.5,
        place,
        "undefined",
        transform=axis.get_yaxis_transform(),
        ha="center",
        va="center",
        fontsize=page.small,
        color=style.GREY,
    )


def _few_ticks(ticks: int) -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(nbins=ticks, steps=[1, 2, 2.5, 5, 10])
