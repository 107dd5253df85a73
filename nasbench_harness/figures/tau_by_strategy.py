"""Tau of every strategy, and within and with FLOPs: a dot a seed, the mean with its interval, references to beat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nasbench_harness.figures import style
from nasbench_harness.records import Run
from nasbench_harness.records.summary import Estimate, estimate, noise_ceiling

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DASHES: dict[str, Any] = {"flops": (0, (5, 2)), "live_flops": (0, (1, 1.2))}


_PANELS = {
    "kendall_tau": "Kendall τ by {}",
    "tau_within_flops": "τ within equal live FLOPs",
    "tau_with_flops": "τ of rank sums with live FLOPs",
}
"""Metric -> label of its axis. All but the first are left out where a record lacks them."""


def draw(run: Run, signal: str | None = None) -> Figure:
    """Strategies from best (top) to worst mean tau, beside it tau within and with live FLOPs in the same order.

    A strategy without a tau stands last, marked. Records of an earlier version give tau alone, at column width.
    """
    panels = ["kendall_tau"] if any(record.lacks_added_metrics for record in run.records) else list(_PANELS)
    found = {name: estimate(run.of(name), "kendall_tau", signal) for name in run.strategies}
    order = sorted(found, key=lambda name: (-2.0 if (tau := found[name]) is None else tau.mean, name))
    width = style.SINGLE_COLUMN if len(panels) == 1 else style.DOUBLE_COLUMN
    figure = style.new_figure(width, 0.24 * len(order) + 1.15)
    axes = figure.subplots(ncols=len(panels), sharey=True, squeeze=False)[0]
    for axis, metric in zip(axes, panels, strict=True):
        _draw_panel(axis, run, order, metric, signal)
        axis.set_xlabel(_PANELS[metric].format(style.title_of(signal or run.records[0].signal)))
    axes[0].set_yticks(range(len(order)), [style.name_of(name) for name in order])
    axes[0].set_ylim(-0.6, len(order) - 0.4)
    handles = [*axes[0].get_legend_handles_labels()[0], *_legend_of_dots([each for each in found.values() if each])]
    figure.legend(handles=handles, loc="outside lower center", ncols=2 if len(panels) == 1 else 4)
    return figure


def _draw_panel(axis: Axes, run: Run, order: list[str], metric: str, signal: str | None) -> None:
    """One metric of every strategy, a row each, and what it is to be compared with."""
    marks = style.marks(run.strategies)
    shown: list[float] = []
    for height, name in enumerate(order):
        result = estimate(run.of(name), metric, signal)
        if result is None:
            _draw_undefined(axis, height)
            continue
        values = [float(record.column(signal)[metric]) for record in run.of(name)]
        _draw_strategy(axis, height, values, result, marks[name])
        shown.extend(values)
        if result.interval is not None and result.n != 2:  # of two seeds it may be as wide as the axis: it runs off
            shown.extend(result.interval)
    shown.extend(_draw_references(axis, run, metric))
    axis.tick_params(axis="y", length=0)
    if shown:
        margin = 0.05 * max(max(shown) - min(shown), 0.02)
        axis.set_xlim(min(shown) - margin, min(max(shown) + margin, 1.005))
    axis.grid(axis="x")
    axis.set_axisbelow(True)


def _draw_undefined(axis: Axes, height: int) -> None:
    axis.text(
        0.5,
        height,
        "undefined: constant scores",
        transform=axis.get_yaxis_transform(),
        ha="center",
        va="center",
        fontsize=6.5,
        color=style.GREY,
    )


def _draw_strategy(axis: Axes, height: int, values: list[float], result: Estimate, mark: style.Mark) -> None:
    if result.interval is not None:
        axis.plot(result.interval, [height] * 2, color=mark.colour, linewidth=3, alpha=0.35, solid_capstyle="butt")
    if result.n > 1:
        axis.plot(values, [height] * len(values), "o", color=mark.colour, markersize=3.5, mew=0, alpha=0.8)
        axis.plot(result.mean, height, "|", color=mark.colour, markersize=10, mew=1.8, zorder=4)
    else:
        axis.plot(result.mean, height, "o", color=mark.colour, markersize=4.5, mfc="white", mew=1.2, zorder=4)


def _draw_references(axis: Axes, run: Run, metric: str) -> list[float]:
    """Vertical lines with their values in the legend of tau; returns the values.

    Where ranks are summed only live FLOPs are to be beaten, and within equal FLOPs nothing is: a count orders none.
    """
    if metric == "tau_within_flops":
        return []
    first, alone = run.records[0], metric == "kendall_tau"
    lines: list[tuple[float, str, dict[str, Any]]] = []
    for name, dashes in _DASHES.items() if alone else [("live_flops", _DASHES["live_flops"])]:
        tau = first.references[name]["kendall_tau"] if name in first.references else None
        if tau is not None:
            lines.append((float(tau), style.title_of(name), {"color": "black", "linestyle": dashes}))
    if alone and (ceiling := noise_ceiling(first)) is not None:
        title = "noise ceiling" + (" (stand-in)" if "proxy_for" in ceiling else "")
        lines.append((float(ceiling["kendall_tau"]), title, {"color": style.GREY, "linestyle": "-"}))
    for value, title, look in lines:
        axis.axvline(value, label=f"{title} {value:.2f}", linewidth=0.9, zorder=1, **look)
    return [value for value, _, _ in lines]


def _legend_of_dots(results: list[Estimate]) -> list[Any]:
    from matplotlib.lines import Line2D

    grey: dict[str, Any] = {"color": style.GREY}
    handles = []
    if any(result.n > 1 for result in results):
        handles.append(Line2D([], [], marker="o", markersize=3.5, mew=0, linestyle="", label="one seed", **grey))
        label = "mean, 95 % over seeds"
        handles.append(Line2D([], [], marker="|", markersize=9, mew=1.8, linestyle="", label=label, **grey))
    if any(result.n == 1 for result in results):
        label = "one seed, 95 % bootstrap"
        handles.append(
            Line2D([], [], marker="o", markersize=4.5, mfc="white", mew=1.2, linestyle="", label=label, **grey)
        )
    return handles
