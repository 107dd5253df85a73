"""Best true accuracy among the k best scores: what one gains by training k candidates instead of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nasbench_harness.errors import DataError
from nasbench_harness.figures import style
from nasbench_harness.records import Record, Run
from nasbench_harness.records.summary import sample_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NICE = (0, 10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 88, 90, 91, 92, 93, 94, 95, 96, 97, 98, 98.5, 99, 99.5, 100)
_MOST_BANDS = 4
"""Bands of more strategies than this cover one another."""
_WIDE = 8.0
"""Range in points of accuracy above which a straight axis would hide what happens near the best."""


def draw(run: Run, signal: str | None = None) -> Figure:
    """A line a strategy (mean over seeds), FLOPs as reference, the table's best on top.

    Bands span the seeds where the strategies are few enough to tell them apart.
    """
    rows = (len(run.strategies) + 3) // 2
    figure = style.new_figure(style.SINGLE_COLUMN, 2.2 + 0.16 * rows)
    axis = figure.subplots()
    best = float(run.records[0].truth["best"])
    marks = style.marks(run.strategies)
    drawn = [np.array([best])]
    for name in sorted(run.strategies, key=lambda one: style.name_of(one).lower()):
        k_K, accuracy_SK = _curves(run.of(name), signal)
        mean_K, mark = accuracy_SK.mean(0), marks[name]
        banded = len(accuracy_SK) > 1 and len(run.strategies) <= _MOST_BANDS
        if banded:
            axis.fill_between(k_K, accuracy_SK.min(0), accuracy_SK.max(0), color=mark.colour, alpha=0.15, linewidth=0)
        points = np.isin(k_K, 10 ** np.arange(6))
        axis.plot(
            k_K,
            mean_K,
            color=mark.colour,
            marker=mark.marker,
            markevery=list(np.flatnonzero(points)),
            label=style.name_of(name),
        )
        drawn.append((accuracy_SK if banded else mean_K).ravel())
    drawn.append(_draw_flops(axis, run.records[0]))
    whole = "table" if sample_of(run.records[0]) is None else "sample"
    axis.axhline(best, color=style.GREY, linewidth=0.8, label=f"best of the {whole} ({best:.2f})", zorder=1)
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter("{x:,.0f}")
    _accuracy_axis(axis, np.concatenate(drawn), best)
    axis.grid(axis="y")
    axis.set_axisbelow(True)
    axis.set_xlabel(f"k best by {style.title_of(signal or run.records[0].signal)}")
    over = "mean over seeds" if len(run.records) > len(run.strategies) else ""
    axis.set_ylabel("best true accuracy (%)" + (f"\n{over}" if over else ""))
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def _curves(records: tuple[Record, ...], signal: str | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The k of one strategy and its accuracies [seeds, k]; raises ``DataError`` when the seeds' k differ."""
    curves = []
    for record in records:
        name = signal or record.signal
        if name not in record.top_k_curve:
            at_hand = ", ".join(record.top_k_curve)
            raise DataError(f"{record.strategy}, seed {record.seed}: no top-k curve of {name!r}; at hand: {at_hand}")
        curves.append(record.top_k_curve[name])
    if any(curve["k"] != curves[0]["k"] for curve in curves):
        raise DataError(f"{records[0].strategy}: top-k curves at different k; run the seeds again with one version")
    return np.asarray(curves[0]["k"], float), np.asarray([curve["accuracy"] for curve in curves], float)


def _draw_flops(axis: Axes, record: Record) -> NDArray[np.float64]:
    if "flops" not in record.references:
        return np.empty(0)
    found = sorted((int(k), float(value)) for k, value in record.references["flops"]["top_k_accuracy"].items())
    k_K, accuracy_K = np.array(found, float).T
    axis.plot(
        k_K, accuracy_K, color="black", linestyle=(0, (5, 2)), linewidth=0.9, marker=".", label="FLOPs", zorder=1.5
    )
    return np.asarray(accuracy_K, float)


def _accuracy_axis(axis: Axes, values: NDArray[np.float64], best: float) -> None:
    """Straight for close curves; otherwise stretched towards the best, in the manner of a logarithm of the regret."""
    low = float(values.min())
    if best - low <= _WIDE:
        margin = 0.05 * max(best - low, 0.2)
        axis.set_ylim(low - margin, best + margin)
        return
    soft = 0.3

    def forward(accuracy: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(-np.log(np.maximum(best - np.asarray(accuracy, float), -0.5 * soft) + soft))

    def inverse(value: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(best + soft - np.exp(-np.asarray(value, float)))

    axis.set_yscale("function", functions=(forward, inverse))
    axis.set_ylim(low - 0.15 * (best - low), best + 0.08)
    kept: list[float] = []
    span = float(forward(np.array(best)) - forward(np.array(low)))
    for tick in sorted((tick for tick in _NICE if low - 5 <= tick < best), reverse=True):
        above = kept[-1] if kept else best
        if float(forward(np.array(above)) - forward(np.array(tick))) > 0.09 * span:
            kept.append(tick)
    axis.set_yticks([*kept], [f"{tick:g}" for tick in kept])
    axis.minorticks_off()
