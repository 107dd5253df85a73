"""Score rank against true rank as hexagons: where a supernet orders architectures well, and where it does not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nasbench_harness.errors import DataError
from nasbench_harness.figures import style
from nasbench_harness.records import Record, Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

_TICKS = ([0.0, 0.5, 1.0], ["0", "50", "100"])


def draw_unit(record: Record, signal: str | None = None) -> Figure:
    """One panel at column width for one (strategy, seed). Raises ``DataError`` for a signal it lacks."""
    return _grid([record], signal, 1, style.SINGLE_COLUMN)


def draw_grid(run: Run, signal: str | None = None) -> Figure:
    """One panel a strategy, best tau first, on a common colour scale; each shows the seed with the median tau."""
    panels = [median_unit(run.of(name), signal) for name in run.strategies]
    panels.sort(key=lambda record: (-_tau(record, signal), record.strategy))
    columns = {1: 1, 2: 2, 4: 2}.get(len(panels), 3 if len(panels) <= 9 else 4)
    return _grid(panels, signal, columns, style.SINGLE_COLUMN if columns == 1 else style.DOUBLE_COLUMN)


def median_unit(records: Sequence[Record], signal: str | None = None) -> Record:
    """The record whose tau is the median of its strategy's (the lower of the two middle ones)."""
    return sorted(records, key=lambda record: (_tau(record, signal), record.seed))[(len(records) - 1) // 2]


def _tau(record: Record, signal: str | None) -> float:
    """For sorting: constant scores, which have no tau, rank below the worst."""
    tau = record.column(signal)["kendall_tau"]
    return -2.0 if tau is None else float(tau)


def _grid(panels: Sequence[Record], signal: str | None, columns: int, width: float) -> Figure:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm

    rows = math.ceil(len(panels) / columns)
    side = (width - 1.05) / columns
    figure = style.new_figure(width, rows * (side + 0.2) + 0.35)
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    densities = [_density(record, signal) for record in panels]
    norm = LogNorm(1, max(2, *(int(max(density["count"])) for density in densities)))
    longest = max(len(style.name_of(record.strategy)) for record in panels)
    title_size = min(7.5, side * 72 / (0.62 * longest))  # a letter is about 0.62 of the font size wide
    for axis, record, density in zip(axes.flat, panels, densities, strict=False):
        _panel(axis, record, density, signal, norm)
        axis.set_title(style.name_of(record.strategy), loc="left", pad=3, fontsize=title_size)
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    for place in range(len(panels)):
        if place + columns >= len(panels):  # the lowest panel of its column carries the ticks
            axes.flat[place].tick_params(labelbottom=True)
    words = style.title_of(signal or panels[0].signal)
    figure.supxlabel("true rank (%, 0 = best)", fontsize=7.5)
    figure.supylabel(f"rank by {words} (%, 0 = best)", fontsize=7.5)
    bar = figure.colorbar(
        ScalarMappable(norm, style.DENSITY_MAP), ax=axes.ravel().tolist(), shrink=0.9, aspect=28, pad=0.015
    )
    bar.set_label("architectures in a hexagon")
    bar.ax.yaxis.set_major_formatter("{x:.0f}")
    bar.outline.set_linewidth(0.4)
    return figure


def _panel(axis: Axes, record: Record, density: dict[str, Any], signal: str | None, norm: Normalize) -> None:
    from matplotlib.collections import PolyCollection

    centre_HX = np.column_stack([density["x"], density["y"]])
    angle_V = np.pi / 3 * np.arange(6) + np.pi / 2
    corner_VX = float(density["radius"]) * np.column_stack([np.cos(angle_V), np.sin(angle_V)])
    hexagons = PolyCollection(
        list(centre_HX[:, None, :] + corner_VX[None]),
        array=np.asarray(density["count"], float),
        norm=norm,
        cmap=style.DENSITY_MAP,
        edgecolors="face",
        linewidths=0.1,
    )
    axis.add_collection(hexagons)
    axis.plot([0, 1], [0, 1], color="black", linewidth=0.5, linestyle=(0, (4, 3)), alpha=0.6)
    column = record.column(signal)
    tau, rho = ("undefined" if column[name] is None else f"{column[name]:.3f}" for name in ("kendall_tau", "spearman"))
    note = f"τ = {tau}\nρ = {rho}\nn = {column['n']:,}\nseed {record.seed}"  # noqa: RUF001
    box = {"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
    axis.text(0.04, 0.96, note, transform=axis.transAxes, va="top", ha="left", fontsize=6, bbox=box)
    axis.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    axis.set_xticks(*_TICKS)
    axis.set_yticks(*_TICKS)


def _density(record: Record, signal: str | None) -> dict[str, Any]:
    name = signal or record.signal
    if name not in record.rank_density:
        at_hand = ", ".join(record.rank_density)
        raise DataError(f"{record.strategy}, seed {record.seed}: no rank density of {name!r}; at hand: {at_hand}")
    return record.rank_density[name]
