"""Predicted against measured latency, and the residuals, as counts in bins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nasbench_harness.figures import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(result: dict[str, Any]) -> Figure:
    """Two panels at the width of the text: measured over predicted, and the relative residual over predicted."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm

    edges, heights = np.asarray(result["edges"]), np.asarray(result["residual_edges_percent"])
    joint, relative = np.asarray(result["joint"], float), np.asarray(result["relative"], float)
    norm = LogNorm(1, max(2.0, joint.max(), relative.max()))
    figure = style.new_figure(style.DOUBLE_COLUMN, 2.7)
    left, right = figure.subplots(1, 2)
    left.pcolormesh(edges, edges, np.where(joint.T > 0, joint.T, np.nan), norm=norm, cmap=style.DENSITY_MAP)
    left.axline((edges[0], edges[0]), slope=1, color="black", linewidth=0.5, linestyle=(0, (4, 3)), alpha=0.6)
    unit = result["unit"]
    left.set(xlabel=f"predicted ({unit})", ylabel=f"measured ({unit})")
    words = [f"{name} = {result[key]:.3f}" for name, key in (("ρ", "spearman"), ("τ", "kendall_tau")) if result[key]]  # noqa: RUF001
    note = "\n".join([*words, f"MAPE = {result['mape_percent']:.1f} %", f"n = {result['n']:,}"])
    left.text(0.04, 0.96, note, transform=left.transAxes, va="top", fontsize=6.5)
    left.set_title(result["device"], loc="left", pad=4)
    right.pcolormesh(edges, heights, np.where(relative > 0, relative, np.nan), norm=norm, cmap=style.DENSITY_MAP)
    right.axhline(0, color="black", linewidth=0.5, linestyle=(0, (4, 3)), alpha=0.6)
    spread = result["residual_percentiles"]
    for key in ("5", "95"):
        right.axhline(spread[key], color="#D55E00", linewidth=0.8)
    right.set(xlabel=f"predicted ({unit})", ylabel="predicted / measured - 1 (%)")
    right.set_title(f"90 % of residuals in {spread['5']:+.1f} to {spread['95']:+.1f} %", loc="left", pad=4)
    bar = figure.colorbar(ScalarMappable(norm, style.DENSITY_MAP), ax=[left, right], aspect=28, pad=0.015)
    bar.set_label("architectures in a bin")
    bar.ax.yaxis.set_major_formatter("{x:.0f}")
    bar.outline.set_linewidth(0.4)
    return figure
