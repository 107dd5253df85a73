"""The figure of tau against the number of scoring images; see ``scoring_images``."""

from __future__ import annotations

from typing import Any

import numpy as np
from images_curve import SIGNALS

from nasbench_harness.figures import Drawn, style
from nasbench_harness.figures.page import page_of
from nasbench_harness.figures.sweep import METRICS

_MARKS = (style.Mark("#0072B2", "o"), style.Mark("#D55E00", "s"))


def draw(curve: dict[str, Any], width: str = "neurips") -> Drawn:
    """A panel for each number against the images, a line a signal with its spread over sets.

    ``width``: as for the verb ``figures``.
    """
    page = page_of(width)
    with style.paper_style(page):
        figure = style.new_figure(page.text, 1.75 + 2 * page.line)
        axes = figure.subplots(1, 3)
        for axis, (metric, title) in zip(axes, METRICS.items(), strict=True):
            for signal, mark in zip(SIGNALS, _MARKS, strict=True):
                _line(axis, curve, signal, metric, mark)
            axis.set_xscale("log")
            axis.set_xlabel("scoring images")
            axis.set_title(title, loc="left")
            measured = [point["images"] for point in curve["points"]]
            axis.set_xticks(_apart(measured), minor=False)
            axis.set_xticks([], minor=True)
            axis.set_xlim(measured[0] / 1.15, measured[-1] * 1.15)
            axis.xaxis.set_major_formatter("{x:,.0f}")
            axis.yaxis.set_major_formatter("{x:.2f}")
            if not axis.lines:
                axis.text(0.5, 0.5, "undefined: groups too small", transform=axis.transAxes, ha="center")
            axis.grid(axis="y")
            axis.set_axisbelow(True)
        style.legend_below(figure, axes[0].get_legend_handles_labels()[0], page)
    return Drawn(figure, _caption(curve))


def _line(axis: Any, curve: dict[str, Any], signal: str, metric: str, mark: style.Mark) -> None:
    rows = [(point["images"], point["signals"][signal][metric]) for point in curve["points"]]
    known = [(images, found["mean"], found["sd"] or 0.0) for images, found in rows if found["mean"] is not None]
    if not known:
        return
    images_P, mean_P, sd_P = np.array(known, dtype=np.float64).T
    axis.fill_between(images_P, mean_P - sd_P, mean_P + sd_P, color=mark.colour, alpha=0.18, linewidth=0)
    axis.plot(
        images_P, mean_P, color=mark.colour, marker=mark.marker, markersize=3, label=f"by {style.title_of(signal)}"
    )
    limit = curve["limit"][signal][metric]
    if limit is not None:
        axis.axhline(limit["value"], color=mark.colour, linewidth=0.7, linestyle=(0, (1, 1.2)))


def _caption(curve: dict[str, Any]) -> str:
    most = curve["points"][-1]["images"]
    return (
        f"How many images must score an architecture: one trained supernet of {curve['experiment']}, "
        f"{curve['n']:,} architectures, {most:,} held-out images in batches of {curve['batch_size']:,}. "
        "Lines are means over sets of images, bands one standard deviation over sets; the sets of the largest numbers "
        "share most of their images, so their bands are too narrow. "
        "Dotted: the limit of a fit a - b / images. FLOPs are those on live edges."
    )


def _apart(numbers: list[int]) -> list[int]:
    """Those that have room for a label on a logarithmic axis: each at least 1.8 times the one before."""
    shown: list[int] = []
    for number in numbers:
        if not shown or number >= 1.8 * shown[-1]:
            shown.append(number)
    return shown
