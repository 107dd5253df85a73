"""What settings change: tau, tau within and tau with FLOPs of every point of a sweep, at its end and along training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.evidence.protocol import value_text
from nasbench_harness.evidence.sweep import Sweep, SweepPoint
from nasbench_harness.figures import rows, style, training_loss
from nasbench_harness.figures.caption import Drawn, interval_words, joined, truth_words
from nasbench_harness.figures.page import Page
from nasbench_harness.records import Record
from nasbench_harness.records.summary import Estimate, estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

METRICS = {
    "kendall_tau": "τ",
    "tau_within_flops": "τ within equal FLOPs",
    "tau_with_flops": "τ with FLOPs",
}
"""What an axis calls the three taus."""

FloatArray = npt.NDArray[np.float64]


def draw_sweep(sweep: Sweep, page: Page, signal: str | None = None) -> dict[str, Drawn]:
    """The figures of a sweep by file name.

    ``sweep``: curves where a single number varies and takes three values or more, else a row a point.
    ``sweep_along_training``: the points with a trajectory against architecture-updates; left out where none has one.
    ``sweep_training_loss``: the training loss of every seed; left out where no record has one.
    ``signal`` None takes each record's headline.
    """
    with style.paper_style(page):
        found = {"sweep": (_curves if _is_curve(sweep) else _rows)(sweep, page, signal)}
        if any(_followed(point, signal) for point in sweep.points):
            found["sweep_along_training"] = _along_training(sweep, page, signal)
        if any(training_loss.course(record) for record in sweep.records):
            lines = zip(sweep.labels, _marks(sweep), (point.records for point in sweep.points), strict=True)
            found["sweep_training_loss"] = Drawn(training_loss.figure_of(list(lines), page), training_loss.WHAT)
    return found


def _is_curve(sweep: Sweep) -> bool:
    values = [point.values[0] for point in sweep.points]
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return len(sweep.varied) == 1 and numbers and len(values) > 2


def _rows(sweep: Sweep, page: Page, signal: str | None) -> Drawn:
    labels, marks = sweep.labels, _marks(sweep)
    figure = style.new_figure(page.text, rows.height(len(labels), page, 6))
    axes = figure.subplots(ncols=len(METRICS), sharey=True)
    for axis, (metric, title) in zip(axes, METRICS.items(), strict=True):
        shown: list[float] = []
        for place, point in enumerate(sweep.points):
            result = estimate(point.records, metric, signal)
            if result is not None:
                rows.draw_row(axis, place, result, marks[place])
                shown += _extent(result)
        reference = _reference(sweep, metric)
        if reference is not None:
            rows.draw_reference(axis, reference, "live FLOPs", color="black", linestyle=rows.DASHES["live_flops"])
            shown.append(reference)
        rows.set_limits(axis, shown)
        axis.set_xlabel(title)
        axis.tick_params(axis="y", length=0)
    if len(sweep.varied) == 1:
        labels = tuple(value_text(point.values[0]) for point in sweep.points)
        axes[0].set_ylabel(sweep.titles[0])
    axes[0].set_yticks(range(len(labels)), labels)
    axes[0].set_ylim(len(labels) - 0.4, -0.6)
    handles = axes[0].get_legend_handles_labels()[0]
    style.legend_below(figure, [*handles, *rows.dot_handles(_seed_counts(sweep))], page)
    return Drawn(figure, _caption(sweep, signal, "A row a point of the sweep."))


def _curves(sweep: Sweep, page: Page, signal: str | None) -> Drawn:
    colour = style.marks(["sweep"])["sweep"].colour
    figure = style.new_figure(page.text, 2.0 + 2 * page.line)
    axes = figure.subplots(ncols=len(METRICS))
    x_P = np.array([point.values[0] for point in sweep.points], np.float64)
    for axis, (metric, title) in zip(axes, METRICS.items(), strict=True):
        found = [estimate(point.records, metric, signal) for point in sweep.points]
        known = [place for place, result in enumerate(found) if result is not None]
        for place in known:
            result = found[place]
            assert result is not None
            _upright(axis, x_P[place], result, colour)
        means = [result.mean for result in found if result is not None]
        axis.plot(x_P[known], means, color=colour, linewidth=1.0, zorder=2)
        reference = _reference(sweep, metric)
        if reference is not None:
            label = f"live FLOPs {style.number(reference)}"
            axis.axhline(reference, color="black", linewidth=0.9, linestyle=rows.DASHES["live_flops"], label=label)
        axis.set_xlabel(sweep.titles[0])
        axis.set_title(title, loc="left")
        axis.grid(axis="y")
        axis.set_axisbelow(True)
    style.legend_below(
        figure, [*axes[0].get_legend_handles_labels()[0], *rows.dot_handles(_seed_counts(sweep), "_")], page
    )
    return Drawn(figure, _caption(sweep, signal, f"Against {sweep.titles[0]}; lines join the means."))


def _upright(axis: Axes, x: float, result: Estimate, colour: str) -> None:
    """The seeds of a point, their mean, and its interval where that is not as wide as the axis."""
    if result.interval is not None and result.n != 2:
        axis.plot([x] * 2, result.interval, color=colour, linewidth=3, alpha=0.3, solid_capstyle="butt")
    if result.n > 1:
        axis.plot([x] * result.n, result.values, "o", color=colour, markersize=2.6, mew=0, alpha=0.7)
        axis.plot(x, result.mean, "_", color=colour, markersize=8, mew=1.8, zorder=4)
    else:
        axis.plot(x, result.mean, "o", color=colour, markersize=4, mfc="white", mew=1.2, zorder=4)


def _along_training(sweep: Sweep, page: Page, signal: str | None) -> Drawn:
    from matplotlib.ticker import EngFormatter

    marks, shown = _marks(sweep), [place for place, point in enumerate(sweep.points) if _followed(point, signal)]
    figure = style.new_figure(page.text, 2.2 + page.line * (2 + len(shown) / 2))
    axes = figure.subplots(ncols=len(METRICS))
    for axis, (metric, title) in zip(axes, METRICS.items(), strict=True):
        for place in shown:
            for number, record in enumerate(_followed(sweep.points[place], signal)):
                updates_P, tau_P = _course(record, signal, metric)
                mark, label = marks[place], "" if number else sweep.labels[place]
                axis.plot(updates_P, tau_P, color=mark.colour, marker=mark.marker, markersize=3, label=label)
        reference = _reference(sweep, metric)
        if reference is not None:
            label = f"live FLOPs {style.number(reference)}"
            axis.axhline(reference, color="black", linewidth=0.9, linestyle=rows.DASHES["live_flops"], label=label)
        axis.set_title(title, loc="left")
        axis.set_xlabel("architecture-updates")
        axis.set_xlim(left=0)
        axis.xaxis.set_major_formatter(EngFormatter(sep=" "))
        axis.grid(axis="y")
        axis.set_axisbelow(True)
    style.legend_below(figure, axes[0].get_legend_handles_labels()[0], page)
    first = _followed(sweep.points[shown[0]], signal)[0].training["trajectory"]
    what = f"Along training, over {first['n']:,} architectures that are scored at each point."
    return Drawn(figure, _caption(sweep, signal, what, intervals=False))


def _followed(point: SweepPoint, signal: str | None) -> list[Record]:
    return [
        record
        for record in point.records
        if (signal or record.signal)
        in record.training.get("trajectory", {"points": [{"signals": {}}]})["points"][0]["signals"]
    ]


def _course(record: Record, signal: str | None, metric: str) -> tuple[FloatArray, FloatArray]:
    """Architecture-updates and the metric, ``[points]`` each, NaN where it is undefined."""
    points: Sequence[dict[str, Any]] = record.training["trajectory"]["points"]
    values = [point["signals"][signal or record.signal].get(metric) for point in points]
    tau_P = np.array([np.nan if value is None else value for value in values], np.float64)
    return np.array([point["updates"] for point in points], np.float64), tau_P


def _marks(sweep: Sweep) -> list[style.Mark]:
    found = style.marks(f"{place:03d}" for place in range(len(sweep.points)))
    return [found[f"{place:03d}"] for place in range(len(sweep.points))]


def _extent(result: Estimate) -> list[float]:
    """What is to be seen of a row; of two seeds the interval may be as wide as the axis and runs off."""
    wide = result.interval is None or result.n == 2
    return [*result.values, *(() if wide or result.interval is None else result.interval)]


def _reference(sweep: Sweep, metric: str) -> float | None:
    """The number of a count of live FLOPs, where all points are judged on as many architectures."""
    found = {point.records[0].references["live_flops"].get(metric) for point in sweep.points}
    [value, *others] = found
    return None if others or value is None else float(value)


def _seed_counts(sweep: Sweep) -> set[int]:
    return {len(point.records) for point in sweep.points}


def _caption(sweep: Sweep, signal: str | None, what: str, intervals: bool = True) -> str:
    records = sweep.records
    by = style.title_of(signal) if signal else "each record's headline signal"
    return joined(
        f"Kendall's τ, τ among architectures of equal live FLOPs, and τ of the sum of ranks with live FLOPs, by {by}.",
        what,
        truth_words(records[0]),
        interval_words(records) if intervals else "",
    )
