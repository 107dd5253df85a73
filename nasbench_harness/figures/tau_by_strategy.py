"""Kendall tau of every strategy: a dot a seed, the mean with its interval, and the references to beat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nasbench_harness.figures import style
from nasbench_harness.records import Run
from nasbench_harness.records.summary import Estimate, estimate, noise_ceiling

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DASHES: dict[str, Any] = {"flops": (0, (5, 2)), "live_flops": (0, (1, 1.2))}


def draw(run: Run, signal: str | None = None) -> Figure:
    """Strategies from best (top) to worst mean tau, at column width; one without a tau stands last, marked."""
    found = {name: estimate(run.of(name), "kendall_tau", signal) for name in run.strategies}
    order = sorted(found, key=lambda name: (-2.0 if (tau := found[name]) is None else tau.mean, name))
    marks = style.marks(run.strategies)
    figure = style.new_figure(style.SINGLE_COLUMN, 0.24 * len(order) + 1.15)
    axis = figure.subplots()
    shown: list[float] = []
    for height, name in enumerate(order):
        result = found[name]
        if result is None:
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
            continue
        values = [float(record.column(signal)["kendall_tau"]) for record in run.of(name)]
        _draw_strategy(axis, height, values, result, marks[name])
        shown.extend(values)
        if result.interval is not None and result.n != 2:  # of two seeds it may be as wide as the axis: it runs off
            shown.extend(result.interval)
    shown.extend(_draw_references(axis, run))
    axis.set_yticks(range(len(order)), [style.name_of(name) for name in order])
    axis.tick_params(axis="y", length=0)
    axis.set_ylim(-0.6, len(order) - 0.4)
    margin = 0.05 * max(max(shown) - min(shown), 0.02)
    axis.set_xlim(min(shown) - margin, min(max(shown) + margin, 1.005))
    axis.grid(axis="x")
    axis.set_axisbelow(True)
    axis.set_xlabel(f"Kendall τ by {style.title_of(signal or run.records[0].signal)}")
    handles = [*axis.get_legend_handles_labels()[0], *_legend_of_dots([each for each in found.values() if each])]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


def _draw_strategy(axis: Axes, height: int, values: list[float], result: Estimate, mark: style.Mark) -> None:
    if result.interval is not None:
        axis.plot(result.interval, [height] * 2, color=mark.colour, linewidth=3, alpha=0.35, solid_capstyle="butt")
    if result.n > 1:
        axis.plot(values, [height] * len(values), "o", color=mark.colour, markersize=3.5, mew=0, alpha=0.8)
        axis.plot(result.mean, height, "|", color=mark.colour, markersize=10, mew=1.8, zorder=4)
    else:
        axis.plot(result.mean, height, "o", color=mark.colour, markersize=4.5, mfc="white", mew=1.2, zorder=4)


def _draw_references(axis: Axes, run: Run) -> list[float]:
    """Vertical lines with their values in the legend; returns the values."""
    first = run.records[0]
    lines: list[tuple[float, str, dict[str, Any]]] = []
    for name, dashes in _DASHES.items():
        tau = first.references[name]["kendall_tau"] if name in first.references else None
        if tau is not None:
            lines.append((float(tau), style.title_of(name), {"color": "black", "linestyle": dashes}))
    if (ceiling := noise_ceiling(first)) is not None:
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
