"""Tau against the time that a strategy took: what more work buys under one budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nasbench_harness.figures import rows, style
from nasbench_harness.figures.caption import CannotDrawError, Drawn, joined, seed_words, truth_words
from nasbench_harness.figures.labels import name_points
from nasbench_harness.figures.sheet import FloatArray, Sheet
from nasbench_harness.records import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_BEST = 3
"""Strategies whose tau beyond counting FLOPs the caption tells."""


def draw(sheet: Sheet) -> Drawn:
    """A mark a strategy: mean tau over seeds against mean time of training and scoring, each seed faint.

    The line joins those that no other beats in less time. Raises ``CannotDrawError`` where no strategy has a tau.
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    found = {name: value for name in sheet.ranked() if (value := _seeds(sheet, name)) is not None}
    if not found:
        raise CannotDrawError("no strategy here has a tau")
    unit, seconds = _unit(max(float(time_S.max()) for time_S, _ in found.values()))
    page = sheet.page
    figure = style.new_figure(page.column, 2.9 if page.column > 4 else 3.2)
    axis = figure.subplots()
    mean_N2 = np.array([[time_S.mean() / seconds, tau_S.mean()] for time_S, tau_S in found.values()])
    for (name, (time_S, tau_S)), (x, y) in zip(found.items(), mean_N2, strict=True):
        mark = sheet.marks[name]
        if tau_S.size > 1:
            axis.plot(time_S / seconds, tau_S, ".", color=mark.colour, markersize=2, alpha=0.35, mew=0)
        axis.plot(x, y, mark.marker, color=mark.colour, markersize=4.5, mew=0, zorder=3)
    _front(axis, mean_N2)
    rows_of = [sheet.first.references[name]["kendall_tau"] for name in ("flops", "live_flops")]
    for name, value in zip(("flops", "live_flops"), rows_of, strict=True):
        if value is not None and _near(value, mean_N2[:, 1]):
            label = f"{style.title_of(name)} {style.number(value)}"
            axis.axhline(value, color="black", linewidth=0.9, linestyle=rows.DASHES[name], label=label, zorder=1)
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(10, subs=(1, 1.5, 2, 3, 4, 5, 7)))
    axis.xaxis.set_major_formatter("{x:g}")
    axis.xaxis.set_minor_formatter(NullFormatter())
    low, high = axis.get_xlim()
    axis.set_xlim(low / 1.15, high * 1.15)  # room for names
    axis.grid(axis="y")
    axis.set_axisbelow(True)
    axis.set_xlabel(f"training and scoring ({unit})")
    axis.set_ylabel(f"τ by {sheet.signal_title}")
    style.legend_below(figure, axis.get_legend_handles_labels()[0], page)
    order = sorted(range(len(found)), key=lambda place: list(found)[place] not in sheet.highlight)
    names = [list(found)[place] for place in order]
    left_out = name_points(figure, axis, mean_N2[order], [style.name_of(name) for name in names], page.small)
    unnamed = [names[place] for place in left_out]
    return Drawn(figure, _caption(sheet, unnamed, list(found)[:_BEST], sheet.run.records))


def _seeds(sheet: Sheet, name: str) -> tuple[FloatArray, FloatArray] | None:
    """Seconds and taus, ``[seeds]`` each; None where a tau is undefined."""
    records = sheet.run.of(name)
    taus = [record.column(sheet.signal)["kendall_tau"] for record in records]
    if any(tau is None for tau in taus):
        return None
    return np.array([_time(record) for record in records], float), np.array(taus, float)


def _time(record: Record) -> float:
    return float(record.cost["training_seconds"]) + float(record.cost["scoring_seconds"])


def _unit(longest: float) -> tuple[str, float]:
    if longest < 180:
        return "seconds", 1.0
    return ("minutes", 60.0) if longest < 3 * 3600 else ("hours", 3600.0)


def _near(value: float, tau_N: FloatArray) -> bool:
    """Whether a line would stand among the marks and not far below them."""
    return bool(value > tau_N.min() - 0.2 * max(np.ptp(tau_N), 0.1))


def _front(axis: Axes, mean_N2: FloatArray) -> None:
    """Steps from the cheapest to the best, through the strategies that none beats at a lower cost."""
    best, kept = -np.inf, list[Any]()
    for x, y in mean_N2[np.argsort(mean_N2[:, 0], kind="stable")]:
        if y > best:
            best = y
            kept.append((x, y))
    x_N, y_N = np.array(kept).T
    axis.plot(x_N, y_N, color=style.GREY, linewidth=0.7, drawstyle="steps-post", label="best so far", zorder=1)


def _caption(sheet: Sheet, unnamed: list[str], best: list[str], records: tuple[Record, ...]) -> str:
    machines = {str(record.environment.get("processor") or record.environment.get("device_name")) for record in records}
    names = "; ".join(style.name_of(name) for name in unnamed)
    return joined(
        f"Kendall's τ ({sheet.signal_title}) against the wall time of training and scoring, as the records tell it: "
        "other work on the machine lengthens it. All strategies have the same budget of architecture-updates.",
        "The times are of different machines." if len(machines) > 1 else "",
        f"Marks without room for a name: {names}." if names else "",
        truth_words(sheet.first),
        seed_words(records),
        "Large marks are means over seeds." if sheet.seeds_of(records) > 1 else "",
        sheet.beyond_words(best),
    )
