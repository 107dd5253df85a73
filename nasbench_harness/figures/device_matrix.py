"""Kendall tau between devices and batch sizes as a matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nasbench_harness.figures import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(result: dict[str, Any]) -> Figure:
    """One cell for two columns with two digits in it; like devices stand together, as ``by_likeness`` orders them."""
    names = list(result["devices"])
    tau_DD = np.array([[np.nan if value is None else value for value in row] for row in result["tau"]], float)
    order = by_likeness(tau_DD)
    tau_DD, names = tau_DD[np.ix_(order, order)], [names[place] for place in order]
    side = min(style.DOUBLE_COLUMN, max(style.SINGLE_COLUMN, 0.27 * len(names) + 1.4))
    figure = style.new_figure(style.SINGLE_COLUMN if side == style.SINGLE_COLUMN else style.DOUBLE_COLUMN, side * 0.92)
    axis = figure.subplots()
    low = float(np.floor(10 * np.nanmin(tau_DD)) / 10)
    image = axis.imshow(tau_DD, cmap=style.DENSITY_MAP, vmin=min(low, 0.9), vmax=1)
    size = 6.5 if len(names) <= 12 else 5
    middle = (min(low, 0.9) + 1) / 2
    for row, column in np.ndindex(tau_DD.shape):
        value = tau_DD[row, column]
        text = "-" if np.isnan(value) else f"{value:.2f}".replace("0.", ".", 1) if value < 0.995 else "1"
        colour = "black" if value > middle else "white"
        axis.text(column, row, text, ha="center", va="center", fontsize=size, color=colour)
    axis.set_xticks(range(len(names)), names, rotation=60, ha="right", rotation_mode="anchor")
    axis.set_yticks(range(len(names)), names)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axis, shrink=0.8, aspect=28, pad=0.015)
    bar.set_label("Kendall τ of latencies")
    bar.outline.set_linewidth(0.4)
    return figure


def by_likeness(tau_DD: np.ndarray) -> list[int]:
    """Order of the rows: from the one most like all others, each next the most like its predecessor of those left."""
    near_DD = np.nan_to_num(tau_DD, nan=-1.0)
    order = [int(near_DD.mean(axis=1).argmax())]
    while len(order) < len(near_DD):
        left = [place for place in range(len(near_DD)) if place not in order]
        order.append(max(left, key=lambda place: (near_DD[order[-1], place], -place)))
    return order
