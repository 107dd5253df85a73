"""Fronts of cost and true accuracy: the true one of the table, and what searches found by their scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nasbench_harness.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TRUE = "true front of the table"
_BEST = "returned: the highest score"
_UNITS = {"ms": "latency (ms)", "M": "count (millions)"}


def draw_all(result: dict[str, Any]) -> dict[str, Figure]:
    """A figure a device, by file name; nothing for problems without a truth."""
    judged = [problem for problem in result["problems"] if "true_best" in problem]
    devices = dict.fromkeys(problem["device"] for problem in judged)
    return {f"pareto_front_{name}": draw([p for p in judged if p["device"] == name]) for name in devices}


def draw(problems: Sequence[dict[str, Any]]) -> Figure:
    """A panel for each constraint of one device; each score's run with the median regret, as ``median_run``.

    Fronts are shown above the hypervolume's reference (the window's median true accuracy). Where a prediction guided
    the search, a thin line leads from the predicted cost to the measured one, which carries the mark.
    """
    from matplotlib.lines import Line2D

    constraints = list(dict.fromkeys(problem["constraint"] for problem in problems))
    columns = min(3, len(constraints))
    rows = math.ceil(len(constraints) / columns)
    width = style.SINGLE_COLUMN if columns == 1 else style.DOUBLE_COLUMN
    figure = style.new_figure(width, rows * 2.1 + 0.55)
    axes = figure.subplots(rows, columns, squeeze=False)
    marks = style.marks(problem["scores"] for problem in problems)
    for axis, constraint in zip(axes.flat, constraints, strict=False):
        of_panel = [problem for problem in problems if problem["constraint"] == constraint]
        _panel(axis, of_panel, marks)
        axis.set_title(f"{of_panel[0]['device']}, {constraint}", loc="left", pad=4)
    for axis in axes.flat[len(constraints) :]:
        axis.set_visible(False)
    for place in range(len(constraints)):
        if place + columns >= len(constraints):  # the lowest panel of its column
            axes.flat[place].set_xlabel(_UNITS.get(problems[0]["unit"], problems[0]["unit"]))
        if place % columns == 0:
            axes.flat[place].set_ylabel("true accuracy (%)")
    found: dict[str, Any] = {}
    for axis in axes.flat:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    found[_BEST] = Line2D([], [], color=style.GREY, marker="o", linestyle="none", markersize=6.5, mfc="none", mew=1.1)
    figure.legend(found.values(), found.keys(), loc="outside lower center", ncols=1 if columns == 1 else 3)
    return figure


def median_run(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The run with the median regret (the lower of the two middle ones; without regrets the first run)."""
    order = sorted(runs, key=lambda run: -1.0 if run["regret"] is None else run["regret"])
    return order[(len(order) - 1) // 2]


def _panel(axis: Axes, problems: Sequence[dict[str, Any]], marks: dict[str, style.Mark]) -> None:
    floor = min(problem["hypervolume_reference"]["truth"] for problem in problems)
    true = [(row["cost"], row["truth"]) for row in problems[0]["true_front"]]
    shown = [point for point in true if point[1] >= floor] or true[-1:]
    costs, top = [cost for cost, _ in shown], max(truth for _, truth in shown)
    high = problems[0]["window"]["high"]
    stairs = [*shown, (max(costs) if high is None else high, top)]
    axis.step(*zip(*stairs, strict=True), where="post", color="black", linewidth=0.9, label=_TRUE, zorder=2)
    for problem in problems:
        run, mark = median_run(problem["runs"]), marks[problem["scores"]]
        rows = [row for row in run["front"] if row["cost"] is not None and row["truth"] is not None]
        rows = [row for row in rows if row["truth"] >= floor]
        costs += [row["cost"] for row in rows]
        top = max([top, *(row["truth"] for row in rows)])
        points: dict[str, Any] = {"color": mark.colour, "marker": mark.marker, "linestyle": "none"}
        x, y = [row["cost"] for row in rows], [row["truth"] for row in rows]
        axis.plot(x, y, markersize=2.8, mew=0, alpha=0.75, label=_name(problem["scores"]), zorder=3, **points)
        for row in rows:
            if "predicted_cost" in row:
                line = [row["predicted_cost"], row["cost"]]
                axis.plot(line, [row["truth"]] * 2, color=mark.colour, linewidth=0.5, alpha=0.6, zorder=2.5)
        if run["best"]["cost"] is not None and run["best"].get("truth") is not None:
            truth = max(run["best"]["truth"], floor)
            axis.plot(run["best"]["cost"], truth, markersize=6.5, mfc="none", mew=1.1, zorder=4, **points)
    for bound in (problems[0]["window"]["low"], problems[0]["window"]["high"]):
        if bound is not None:
            axis.axvline(bound, color=style.GREY, linewidth=0.7, linestyle=(0, (4, 2)), zorder=1)
            costs.append(bound)
    margin = 0.04 * max(max(costs) - min(costs), 1e-9)
    axis.set_xlim(min(costs) - margin, max(costs) + margin)
    height = max(top - floor, 1e-9)
    axis.set_ylim(floor - 0.03 * height, top + 0.06 * height)
    axis.grid(axis="y")
    axis.set_axisbelow(True)


def _name(scores: str) -> str:
    return {"flops": "found by FLOPs", "live_flops": "found by live FLOPs", "oracle": "found by the truth"}.get(
        scores, f"found by {scores.replace('/seed-', ', seed ').replace(':', ', ')}"
    )
