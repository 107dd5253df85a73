"""Kendall tau along training: how far a ranking is at each point of the budget, by both signals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.figures import style
from nasbench_harness.records import Record, Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_BANDS = 4
"""Bands of more strategies than this cover one another."""

FloatArray = npt.NDArray[np.float64]


def draw(run: Run) -> Figure | None:
    """A panel a signal, a line a strategy (mean over seeds) against architecture-updates; None without trajectories.

    Bands: of one seed the 95 % bootstrap interval over architectures, of several the range of the seeds; only where the
    strategies are few enough to tell them apart. A dotted line: live FLOPs on the same architectures.
    """
    from matplotlib.ticker import EngFormatter

    followed = {name: [r for r in run.of(name) if "trajectory" in r.training] for name in run.strategies}
    followed = {name: records for name, records in followed.items() if records}
    if not followed:
        return None
    first = next(iter(followed.values()))[0].training["trajectory"]
    signals = list(first["points"][0]["signals"])
    marks = style.marks(run.strategies)
    figure = style.new_figure(style.DOUBLE_COLUMN, 2.5 + 0.16 * ((len(followed) + 2) // 3))
    axes = figure.subplots(1, len(signals), sharey=True, squeeze=False)[0]
    for axis, signal in zip(axes, signals, strict=True):
        for name in sorted(followed, key=lambda one: style.name_of(one).lower()):
            _line(axis, followed[name], signal, marks[name], style.name_of(name), len(followed) <= _MOST_BANDS)
        reference = first["references"]["live_flops"]["kendall_tau"]
        if reference is not None:
            axis.axhline(
                reference, color="black", linestyle=(0, (1, 1.2)), linewidth=0.9, label=f"live FLOPs {reference:.2f}"
            )
        axis.set_title(f"by {style.title_of(signal)}", loc="left")
        axis.set_xlabel("architecture-updates")
        axis.set_xlim(left=0)
        axis.grid(axis="y")
        axis.set_axisbelow(True)
        axis.xaxis.set_major_formatter(EngFormatter(sep=" "))
    axes[0].set_ylabel(f"Kendall τ, n = {first['n']:,}")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def _line(axis: Axes, records: list[Record], signal: str, mark: style.Mark, label: str, banded: bool) -> None:
    curves = [_curve(record, signal) for record in records]
    updates_P = curves[0][0]
    alike = [curve for curve in curves if np.array_equal(curve[0], updates_P)]  # seeds of one protocol are
    tau_SP = np.stack([tau_P for _, tau_P, _ in alike])
    low_P, high_P = alike[0][2] if len(alike) == 1 else (tau_SP.min(0), tau_SP.max(0))
    if banded:
        axis.fill_between(updates_P, low_P, high_P, color=mark.colour, alpha=0.18, linewidth=0)
    axis.plot(updates_P, tau_SP.mean(0), color=mark.colour, marker=mark.marker, markersize=3, label=label)


def _curve(record: Record, signal: str) -> tuple[FloatArray, FloatArray, tuple[FloatArray, FloatArray]]:
    """Updates, tau and the ends of its interval, ``[points]`` each; NaN where one is undefined."""
    points: list[dict[str, Any]] = record.training["trajectory"]["points"]
    found = [point["signals"][signal] for point in points]
    tau_P = np.array([np.nan if each["kendall_tau"] is None else each["kendall_tau"] for each in found], np.float64)
    ends_P2 = np.array([each["intervals"].get("kendall_tau", [np.nan, np.nan]) for each in found], np.float64)
    return np.array([point["updates"] for point in points], np.float64), tau_P, (ends_P2[:, 0], ends_P2[:, 1])
