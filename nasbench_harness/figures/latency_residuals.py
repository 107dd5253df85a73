"""Predicted against measured latency, and the residuals, as counts in bins."""

from __future__ import annotations

from typing import Any

import numpy as np

from nasbench_harness.figures import style
from nasbench_harness.figures.caption import Drawn, joined
from nasbench_harness.figures.device_names import name_of_device
from nasbench_harness.figures.page import PLAIN, Page

_ENDS = "#D55E00"
_LEAST_BESIDE = 4.5  # inches: narrower panels stand below each other


def draw(result: dict[str, Any], page: Page = PLAIN) -> Drawn:
    """Two panels across the text: measured over predicted, and the relative residual over predicted."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm

    edges, heights = np.asarray(result["edges"]), np.asarray(result["residual_edges_percent"])
    joint, relative = np.asarray(result["joint"], float), np.asarray(result["relative"], float)
    norm = LogNorm(1, max(2.0, joint.max(), relative.max()))
    beside = page.text >= _LEAST_BESIDE
    figure = style.new_figure(page.text, 2.2 if beside else 4.0)
    left, right = figure.subplots(1, 2) if beside else figure.subplots(2, 1)
    left.pcolormesh(edges, edges, np.where(joint.T > 0, joint.T, np.nan), norm=norm, cmap=style.DENSITY_MAP)
    left.axline((edges[0], edges[0]), slope=1, color="black", linewidth=0.5, linestyle=(0, (4, 3)), alpha=0.6)
    unit = result["unit"]
    left.set(xlabel=f"predicted ({unit})", ylabel=f"measured ({unit})")
    left.set_title(name_of_device(result["device"]), loc="left", pad=4)
    right.pcolormesh(edges, heights, np.where(relative > 0, relative, np.nan), norm=norm, cmap=style.DENSITY_MAP)
    right.axhline(0, color="black", linewidth=0.5, linestyle=(0, (4, 3)), alpha=0.6)
    spread = result["residual_percentiles"]
    for key in ("5", "95"):
        right.axhline(spread[key], color=_ENDS, linewidth=0.8)
    right.set(xlabel=f"predicted ({unit})", ylabel="predicted above measured (%)")
    right.set_title(f"90 % in {style.number(spread['5'], 1)} to {style.number(spread['95'], 1)} %", loc="left", pad=4,
                    color=_ENDS)  # fmt: skip
    bar = figure.colorbar(ScalarMappable(norm, style.DENSITY_MAP), ax=[left, right], aspect=28, pad=0.015)
    bar.set_label("architectures in a bin")
    bar.ax.yaxis.set_major_formatter("{x:,.0f}")
    bar.outline.set_linewidth(0.4)
    return Drawn(figure, _caption(result))


def _caption(result: dict[str, Any]) -> str:
    words = [
        f"{name} {result[key]:.3f}" for name, key in (("Spearman", "spearman"), ("τ", "kendall_tau")) if result[key]
    ]
    left_out = f", {result['left_out']:,} without both values left out" if result["left_out"] else ""
    return joined(
        f"Predicted and measured latency on {name_of_device(result['device'])}: n = {result['n']:,} architectures"
        f"{left_out}; {', '.join(words)}, mean absolute error {result['mape_percent']:.1f} % of the measurement.",
        "Measured over predicted: the dashed line is equality. Residuals: predicted / measured - 1; orange lines: 5th "
        "and 95th percentile.",
        "Residuals beyond the 1st and 99th percentile are drawn at these.",
    )
