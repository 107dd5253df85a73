"""Latency against true accuracy: the true front, what searches found under each limit, and what they recommended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nasbench_harness.figures import style
from nasbench_harness.figures.caption import Drawn, joined
from nasbench_harness.figures.device_names import name_of_device, name_of_scores, title_of_truth
from nasbench_harness.figures.page import PLAIN, Page

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_UNITS = {"ms": "latency (ms)", "M": "count (millions)"}
_BEYOND = "#b0b0b0"
_BEYOND_PART = 0.25  # how far the front is drawn beyond the limits, as a part of what lies within
Problem = dict[str, Any]


def draw_all(result: dict[str, Any], page: Page = PLAIN) -> dict[str, Drawn]:
    """A figure a device, by file name; nothing for problems without a truth."""
    judged = [problem for problem in result["problems"] if "true_best" in problem]
    devices = dict.fromkeys(problem["device"] for problem in judged)
    return {f"pareto_front_{name}": draw(result, [p for p in judged if p["device"] == name], page) for name in devices}


def draw(result: dict[str, Any], problems: Sequence[Problem], page: Page = PLAIN) -> Drawn:
    """One panel with all limits of a device, above the lowest median accuracy of their windows.

    Steps: the true front, black inside the windows, grey beyond. Dots: the fronts of all seeds. Larger marks: what each
    search recommended, joined to the limit that it was given; the gap from the end of the line up to the steps is the
    regret. Where a prediction guided the search, a dotted line leads from the predicted cost to the measured one.
    """
    figure = style.new_figure(page.text, max(2.4, 0.46 * page.text))
    axis = figure.subplots()
    marks = style.marks(problem["scores"] for problem in problems)
    floor = min(problem["hypervolume_reference"]["truth"] for problem in problems)
    costs, top = _true_fronts(axis, problems, floor)
    for problem in problems:
        for run in problem["runs"]:
            _run(axis, run, problem, marks[problem["scores"]], floor)
    high = max([*costs, *(limit for limit, _ in _limits(problems))])
    margin = 0.03 * max(high - min(costs), 1e-9)
    axis.set_xlim(min(costs) - margin, high + margin)
    axis.set_ylim(floor - 0.03 * (top - floor), top + 0.05 * (top - floor))
    for limit, words in _limits(problems):
        axis.axvline(limit, color=style.GREY, linewidth=0.7, linestyle=(0, (4, 2)), zorder=1)
        axis.annotate(words, (limit, 1), (0, 2), xycoords=("data", "axes fraction"), textcoords="offset points",
                      ha="center", va="bottom", fontsize=page.small, color=style.GREY)  # fmt: skip
    unit = problems[0]["unit"]
    axis.set_xlabel(f"{name_of_device(problems[0]['device'])}: {_UNITS.get(unit, unit)}")
    axis.set_ylabel(title_of_truth(result["truth"]["policy"]))
    axis.grid(axis="y")
    axis.set_axisbelow(True)
    style.legend_below(figure, _legend(marks), page)
    return Drawn(figure, _caption(result, problems, floor))


def _true_fronts(axis: Axes, problems: Sequence[Problem], floor: float) -> tuple[list[float], float]:
    """Draws them; the costs that they reach and their highest accuracy."""
    beyond = {(row["cost"], row["truth"]) for problem in problems for row in problem.get("front_beyond", [])}
    inside = {(row["cost"], row["truth"]) for problem in problems for row in problem["true_front"]}
    highest, least = max(truth for _, truth in inside), min(cost for cost, _ in inside)
    ends = [problem["window"]["high"] for problem in problems]
    end = max([cost for cost, _ in inside] + [bound for bound in ends if bound is not None])
    far = end + _BEYOND_PART * (end - least)
    outside = sorted(point for point in beyond if highest < point[1] and end < point[0] <= far)
    windows = {tuple(problem["window"].values()): problem for problem in problems}
    for problem in windows.values():
        shown = [(row["cost"], row["truth"]) for row in problem["true_front"] if row["truth"] >= floor]
        if shown:
            bound = problem["window"]["high"]
            stairs = [*shown, (shown[-1][0] if bound is None else bound, shown[-1][1])]
            axis.step(*zip(*stairs, strict=True), where="post", color="black", linewidth=0.9, zorder=2)
    if outside:
        steps = [(end, highest), *outside, (far, outside[-1][1])]
        axis.step(*zip(*steps, strict=True), where="post", color=_BEYOND, linewidth=0.9, zorder=1.5)
    points = [point for point in inside if point[1] >= floor] or sorted(inside)[-1:]
    reach = [far] if outside else []
    return [*(cost for cost, _ in points), *reach], max(truth for _, truth in [*points, *outside])


def _run(axis: Axes, run: dict[str, Any], problem: Problem, mark: style.Mark, floor: float) -> None:
    rows = [row for row in run["front"] if row["cost"] is not None and (row["truth"] or -1) >= floor]
    dots: dict[str, Any] = {"color": mark.colour, "marker": mark.marker, "linestyle": "none"}
    axis.plot([r["cost"] for r in rows], [r["truth"] for r in rows], markersize=2.6, mew=0, alpha=0.4, zorder=3, **dots)
    best, bound = run["best"], problem["window"]["high"]
    if best["cost"] is None or best.get("truth") is None or best["truth"] < floor:
        return
    axis.plot(best["cost"], best["truth"], markersize=5, mfc="white", mew=1, zorder=4, **dots)
    if bound is not None:
        ends = sorted([best["cost"], bound])
        axis.plot(ends, [best["truth"]] * 2, color=mark.colour, linewidth=0.6, alpha=0.5, zorder=2.6)
    if "predicted_cost" in best:
        ends = [best["predicted_cost"], best["cost"]]
        axis.plot(ends, [best["truth"]] * 2, color=mark.colour, linewidth=1, linestyle=(0, (1, 1)), zorder=3.5)


def _limits(problems: Sequence[Problem]) -> list[tuple[float, str]]:
    found: dict[float, str] = {}
    for problem in problems:
        for bound, sign in ((problem["window"]["low"], "≥"), (problem["window"]["high"], "≤")):
            if bound is not None:
                found.setdefault(bound, f"{sign} {bound:g}")
    return sorted(found.items())


def _legend(marks: dict[str, style.Mark]) -> list[Any]:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color="black", linewidth=0.9, label="true front")]
    for scores, mark in marks.items():
        label = f"by {name_of_scores(scores)}"
        points: dict[str, Any] = {
            "color": mark.colour,
            "marker": mark.marker,
            "mfc": "white",
            "markersize": 5,
            "mew": 1,
        }
        handles.append(Line2D([], [], linestyle="none", label=label, **points))
    return handles


def _caption(result: dict[str, Any], problems: Sequence[Problem], floor: float) -> str:
    truth, seeds = result["truth"], len(result["seeds"])
    predicted = any("predicted_cost" in problem["runs"][0]["best"] for problem in problems)
    held = sorted({problem["counts"]["candidates"] for problem in problems})
    number = f"{held[0]:,}" if len(held) == 1 else f"{held[0]:,} to {held[-1]:,}"
    searches = f"{seeds} searches" if seeds > 1 else "a search"
    return joined(
        f"Search under limits on {name_of_device(problems[0]['device'])}.",
        f"Truth: column {truth['policy']} of table {truth['table']}; {number} architectures hold the limits.",
        "Steps: the true front of all architectures, grey beyond the limits.",
        f"Dots: fronts found in {searches} for each limit and score; large marks: what each search recommends, the "
        "highest score, joined to the limit that it was given.",
        "Latencies that guided the search were predicted; dotted lines lead from the predicted to the measured one."
        if predicted
        else "",
        f"Shown above {floor:.1f} %, the lowest median accuracy of the architectures within a limit.",
    )
