"""Kendall tau between devices and batch sizes as a triangle."""

from __future__ import annotations

from typing import Any

import numpy as np

from nasbench_harness.figures import style
from nasbench_harness.figures.caption import Drawn, joined
from nasbench_harness.figures.device_names import name_of_device
from nasbench_harness.figures.page import PLAIN, SMALLEST, Page

_DIGITS = 2.2  # width of a cell in letters: a point and two digits


def draw(result: dict[str, Any], page: Page = PLAIN) -> Drawn:
    """The lower triangle: a cell for two columns with two digits in it; each name stands at the end of its row, above
    its column. Like devices stand together, as ``by_likeness`` orders them.
    """
    tau_DD = np.array([[np.nan if value is None else value for value in row] for row in result["tau"]], float)
    order = by_likeness(tau_DD)
    tau_DD, names = tau_DD[np.ix_(order, order)], [name_of_device(result["devices"][place]) for place in order]
    count = len(names)
    longest = max(style.text_width(name, page.small) for name in names) + 0.08
    cell = min(0.34, (page.text - longest) / max(count - 1, 1))
    shown_DD = np.where(np.tri(count, k=-1, dtype=bool), tau_DD, np.nan)
    low = min(0.9, float(np.floor(10 * np.nanmin(shown_DD)) / 10)) if count > 1 else 0.9
    figure = style.new_figure(page.text, max(1.4, cell * count + 0.08))
    axis = figure.subplots()
    image = axis.imshow(shown_DD, cmap=style.DENSITY_MAP, vmin=low, vmax=1, aspect="equal")
    size = min(page.small, 72 * cell / _DIGITS)
    readable = size >= SMALLEST  # else colour alone tells
    for row, column in np.argwhere(np.tri(count if readable else 0, k=-1)).tolist():
        value = tau_DD[row, column]
        text = "-" if np.isnan(value) else f"{value:.2f}".replace("0.", ".", 1) if value < 0.995 else "1"
        colour = "black" if value > (low + 1) / 2 else "white"
        axis.text(column, row, text, ha="center", va="center", fontsize=size, color=colour)
    for place, name in enumerate(names):
        axis.text(place - 0.4, place, name, ha="left", va="center", fontsize=page.small)
    axis.set_xlim(-0.5, page.text / cell - 0.5)
    axis.set_ylim(count - 0.5, -0.5)
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
    if count > 6:  # the empty corner has room for the scale
        bar = figure.colorbar(image, cax=axis.inset_axes((0.6, 0.9, 0.36, 0.025)), orientation="horizontal")
    else:
        bar = figure.colorbar(image, ax=axis)
    bar.set_label("Kendall τ of latencies")
    bar.outline.set_linewidth(0.4)
    return Drawn(figure, _caption(result))


def by_likeness(tau_DD: np.ndarray) -> list[int]:
    """Order of the rows: from the one most like all others, each next the most like its predecessor of those left."""
    near_DD = np.nan_to_num(tau_DD, nan=-1.0)
    order = [int(near_DD.mean(axis=1).argmax())]
    while len(order) < len(near_DD):
        left = [place for place in range(len(near_DD)) if place not in order]
        order.append(max(left, key=lambda place: (near_DD[order[-1], place], -place)))
    return order


def _caption(result: dict[str, Any]) -> str:
    without = {name_of_device(name): count for name, count in result["without_latency"].items() if count}
    return joined(
        f"Kendall's tau-b between the latencies of {len(result['devices'])} device columns of table {result['table']}, "
        "over the architectures with a value in both; each next device is the most like the one above it.",
        "Without a value: " + ", ".join(f"{name} {count:,}" for name, count in without.items()) + "."
        if without
        else "",
    )
