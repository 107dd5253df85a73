"""The figure of three taus against the bias by number of convolutions; see ``count_bias``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nasbench_harness.figures import Drawn, style
from nasbench_harness.figures.page import page_of
from nasbench_harness.figures.sweep import METRICS

_MARKS = (style.Mark("#0072B2", "o"), style.Mark("#D55E00", "s"))


def draw(rows: Mapping[str, Sequence[Mapping[str, Any]]], width: str = "neurips") -> Drawn:
    """A panel for each tau against the bias, a point a unit and signal; ``rows`` by signal, as ``count_bias.rows_in``.

    ``width``: as for the verb ``figures``.
    """
    page = page_of(width)
    with style.paper_style(page):
        figure = style.new_figure(page.text, 1.75 + 2 * page.line)
        axes = figure.subplots(1, len(METRICS), sharey=True)
        for axis, (metric, title) in zip(axes, METRICS.items(), strict=True):
            for (signal, found), mark in zip(rows.items(), _MARKS, strict=False):
                bias_U, tau_U = (np.array([row[name] for row in found]) for name in ("bias", metric))
                r = f"{np.corrcoef(bias_U, tau_U)[0, 1]:+.2f}".replace("-", "\N{MINUS SIGN}")
                axis.plot(
                    bias_U, tau_U, mark.marker, color=mark.colour, markersize=3, label=f"by {style.title_of(signal)}"
                )
                place = 0.04 + 0.1 * (signal == next(iter(rows)))
                axis.text(0.04, place, f"r = {r}", color=mark.colour, transform=axis.transAxes)
            axis.set_title(title, loc="left")
            axis.set_xlabel("bias by convolutions")
            axis.yaxis.set_major_formatter("{x:.1f}")
            axis.grid(axis="y")
            axis.set_axisbelow(True)
        low, high = axes[0].get_ylim()
        axes[0].set_ylim(low - 0.3 * (high - low), high)  # room for the correlations
        style.legend_below(figure, axes[0].get_legend_handles_labels()[0], page)
    units = len(next(iter(rows.values())))
    return Drawn(
        figure,
        "How far a ranking weighs convolutions wrongly, and what that does to three taus: a point a trained supernet "
        f"({units}) and signal. Bias: root mean square, over architectures, of the mean rank error of their number of "
        "live convolutions, as a share of the ranks. FLOPs are those on live edges.",
    )
