"""Kendall tau along training: how far a ranking is at each point of the budget, by both signals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.figures import style
from nasbench_harness.figures.caption import CannotDrawError, Drawn, joined, seed_words, truth_words
from nasbench_harness.figures.sheet import Sheet
from nasbench_harness.records import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SHOWN = 4
"""Lines that stand out, with a band; more cover one another."""

FloatArray = npt.NDArray[np.float64]


def draw(sheet: Sheet) -> Drawn:
    """A panel a signal, a line a strategy (mean over seeds) against architecture-updates.

    Up to four lines are in colour, with a band: of one seed the 95 % bootstrap interval over architectures, of several
    the range of the seeds. A dotted line: live FLOPs on the same architectures. Raises ``CannotDrawError`` without
    trajectories.
    """
    from matplotlib.ticker import EngFormatter

    run, page = sheet.run, sheet.page
    followed = {name: [r for r in run.of(name) if "trajectory" in r.training] for name in run.strategies}
    followed = {name: records for name, records in followed.items() if records}
    if not followed:
        raise CannotDrawError("no record has a trajectory by this truth; set scoring.trajectory")
    first = next(iter(followed.values()))[0].training["trajectory"]
    signals = list(first["points"][0]["signals"])
    chosen = sheet.chosen(_SHOWN, followed)
    across = page.panels(len(signals), 2.4)
    down = -(-len(signals) // across)
    figure = style.new_figure(page.text, down * 1.9 + 0.45 + 3 * page.line)
    axes = figure.subplots(down, across, sharey=True, squeeze=False).ravel()
    for axis, signal in zip(axes, signals, strict=False):
        for name in sorted(followed, key=lambda one: (one in chosen, style.name_of(one).lower())):
            if name in chosen:
                _line(axis, followed[name], signal, sheet.marks[name], style.name_of(name))
            else:
                _faint(axis, followed[name], signal)
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
    for axis in axes[len(signals) :]:
        axis.set_visible(False)
    axes[0].set_ylabel(f"Kendall τ, n = {first['n']:,}")
    style.legend_below(figure, axes[0].get_legend_handles_labels()[0], page)
    return Drawn(figure, _caption(sheet, followed, chosen, int(first["n"])))


def _caption(sheet: Sheet, followed: dict[str, list[Record]], chosen: list[str], n: int) -> str:
    records = [record for name in followed for record in followed[name]]
    several = sheet.seeds_of(records) > 1
    return joined(
        f"Kendall's τ along training, over {n:,} architectures that are scored at each point.",
        f"Grey lines: the other {len(followed) - len(chosen)} strategies." if len(chosen) < len(followed) else "",
        truth_words(sheet.first),
        seed_words(records),
        "Lines are means over seeds, bands the range of the seeds."
        if several
        else "Bands: 95 % bootstrap over architectures, which tells nothing of other training seeds.",
    )


def _faint(axis: Axes, records: list[Record], signal: str) -> None:
    """A strategy that does not stand out: its mean alone."""
    curves = [_curve(record, signal) for record in records]
    alike = [curve for curve in curves if np.array_equal(curve[0], curves[0][0])]
    axis.plot(curves[0][0], np.mean([tau_P for _, tau_P, _ in alike], axis=0), color="#cccccc", linewidth=0.8, zorder=1)


def _line(axis: Axes, records: list[Record], signal: str, mark: style.Mark, label: str) -> None:
    curves = [_curve(record, signal) for record in records]
    updates_P = curves[0][0]
    alike = [curve for curve in curves if np.array_equal(curve[0], updates_P)]  # seeds of one protocol are
    tau_SP = np.stack([tau_P for _, tau_P, _ in alike])
    low_P, high_P = alike[0][2] if len(alike) == 1 else (tau_SP.min(0), tau_SP.max(0))
    axis.fill_between(updates_P, low_P, high_P, color=mark.colour, alpha=0.18, linewidth=0)
    axis.plot(updates_P, tau_SP.mean(0), color=mark.colour, marker=mark.marker, markersize=3, label=label)


def _curve(record: Record, signal: str) -> tuple[FloatArray, FloatArray, tuple[FloatArray, FloatArray]]:
    """Updates, tau and the ends of its interval, ``[points]`` each; NaN where one is undefined."""
    points: list[dict[str, Any]] = record.training["trajectory"]["points"]
    found = [point["signals"][signal] for point in points]
    tau_P = np.array([np.nan if each["kendall_tau"] is None else each["kendall_tau"] for each in found], np.float64)
    ends_P2 = np.array([each["intervals"].get("kendall_tau", [np.nan, np.nan]) for each in found], np.float64)
    return np.array([point["updates"] for point in points], np.float64), tau_P, (ends_P2[:, 0], ends_P2[:, 1])
