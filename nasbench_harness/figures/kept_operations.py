"""Operations kept on each edge, stage by stage: how often good architectures use them, and which were removed."""

from __future__ import annotations

from typing import Any

import numpy as np

from nasbench_harness.figures import style
from nasbench_harness.figures.caption import Drawn, joined
from nasbench_harness.figures.device_names import name_of_device, name_of_scores
from nasbench_harness.figures.page import PLAIN, Page

_SHORT = {
    "none": "none",
    "skip_connect": "skip",
    "nor_conv_1x1": "conv 1×1",  # noqa: RUF001
    "nor_conv_3x3": "conv 3×3",  # noqa: RUF001
    "avg_pool_3x3": "avg pool",
}


def draw_all(result: dict[str, Any], page: Page = PLAIN) -> dict[str, Drawn]:
    """A figure for the first run of each problem and threshold, by file name."""
    figures = {}
    for problem in result["problems"]:
        for threshold in dict.fromkeys(run["threshold"] for run in problem["runs"]):
            run = next(run for run in problem["runs"] if run["threshold"] == threshold)
            where = "_".join([problem["device"], problem["constraint"], problem["scores"], f"{threshold:g}"])
            name = "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in where)
            figures[f"kept_operations_{name}"] = draw(result, problem, run, page)
    return figures


def draw(result: dict[str, Any], problem: dict[str, Any], run: dict[str, Any], page: Page = PLAIN) -> Drawn:
    """A panel for each stage: rows edges, columns operations, colour and number the frequency in percent.

    Removed operations are crossed out; those that an earlier stage removed are grey.
    """
    from matplotlib.colors import Normalize

    stages = run["stages"]
    width = page.column if len(stages) == 1 else page.text
    figure = style.new_figure(width, 1.0 + 6 * 2.2 * page.line)
    axes = figure.subplots(1, len(stages), squeeze=False, sharey=True)[0]
    names = [_SHORT.get(name, name) for name in result["operations"]]
    edges = [edge.replace("-", "→") for edge in result["edges"]]
    there_EO = np.ones((len(edges), len(names)), dtype=bool)
    norm = Normalize(0, 100)
    for number, (axis, stage) in enumerate(zip(axes, stages, strict=True), 1):
        frequency_EO = 100 * np.asarray(stage["frequency"], float)
        image = axis.imshow(np.where(there_EO, frequency_EO, np.nan), norm=norm, cmap="Blues", aspect="auto")
        axis.set_facecolor("#e4e4e4")  # shows through where an operation is gone
        after_EO = np.asarray(stage["box_after"], bool)
        for edge, op in np.argwhere(there_EO):
            gone = not after_EO[edge, op]
            colour = "white" if frequency_EO[edge, op] > 60 else "black"
            text = f"{frequency_EO[edge, op]:.0f}" if frequency_EO[edge, op] >= 1 else f"{frequency_EO[edge, op]:.1f}"
            axis.text(op, edge, text, ha="center", va="center", fontsize=page.small, color=colour, zorder=3)
            if gone:
                for slant in (1, -1):
                    ends = [edge - 0.42 * slant, edge + 0.42 * slant]
                    axis.plot([op - 0.42, op + 0.42], ends, color="#D55E00", linewidth=1.1, alpha=0.55)
        there_EO = after_EO
        axis.set_xticks(range(len(names)), names, rotation=30, ha="right", rotation_mode="anchor")
        axis.set_yticks(range(len(edges)), edges)
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
        size = f"{stage['size_before']:,} → {stage['size_after']:,}"
        axis.set_title(f"stage {number}: {size}", loc="left", pad=4)
    axes[0].set_ylabel("edge")
    bar = figure.colorbar(image, ax=axes.tolist(), shrink=0.9, aspect=28, pad=0.015)
    bar.set_label("frequency (%)")
    bar.outline.set_linewidth(0.4)
    return Drawn(figure, _caption(problem, run))


def _caption(problem: dict[str, Any], run: dict[str, Any]) -> str:
    counted = ", ".join(f"{stage['counted']:,}" for stage in run["stages"])
    where = f"{name_of_device(problem['device'])}, {problem['constraint']}"
    return joined(
        f"Pruning on {where}, by {name_of_scores(problem['scores'])}, seed {run['seed']} of the search.",
        "Numbers: how many percent of the good architectures (of non-domination rank below 10) have the operation on "
        f"the edge; counted: {counted}.",
        f"Crossed: removed, as at most {100 * run['threshold']:g} % have it; grey: removed at an earlier stage.",
        "Titles: architectures of the space before and after.",
    )
