"""Best true accuracy among the k best scores: what one gains by training k candidates instead of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nasbench_harness.errors import DataError
from nasbench_harness.figures import style
from nasbench_harness.figures.caption import Drawn, joined, seed_words, truth_words
from nasbench_harness.figures.sheet import Sheet
from nasbench_harness.records import Record
from nasbench_harness.records.summary import sample_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NICE = (0, 10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 88, 90, 91, 92, 93, 94, 95, 96, 97, 98, 98.5, 99, 99.5, 100)
_SHOWN = 5
"""Lines that stand out; more cross one another beyond telling."""
_BANDS = 3
_WIDE = 8.0
"""Range in points of accuracy above which a straight axis would hide what happens near the best."""


def draw(sheet: Sheet) -> Drawn:
    """A line a strategy (mean over seeds), FLOPs as reference, the table's best on top.

    Up to five lines are in colour, the others grey. Bands span the seeds where up to three lines stand out.
    """
    run, page = sheet.run, sheet.page
    chosen = sheet.chosen(_SHOWN)
    beside = page.column >= 4.5
    figure = style.new_figure(page.column, 2.3 if beside else 2.2 + 1.2 * page.line * 4)
    axis = figure.subplots()
    best = float(sheet.first.truth["best"])
    drawn = [np.array([best])]
    banded = len(chosen) <= _BANDS
    for name in run.strategies:
        k_K, accuracy_SK = _curves(run.of(name), sheet.signal)
        if name not in chosen:
            axis.plot(k_K, accuracy_SK.mean(0), color="#d0d0d0", linewidth=0.7, zorder=1)
        drawn.append((accuracy_SK if banded and name in chosen else accuracy_SK.mean(0)).ravel())
    handles = [_draw_line(axis, sheet, name, banded) for name in chosen]
    drawn.append(_draw_flops(axis, sheet.first))
    whole = "table" if sample_of(sheet.first) is None else "sample"
    axis.axhline(best, color=style.GREY, linewidth=0.8, label=f"best of the {whole} ({best:.2f})", zorder=1)
    handles += [line for line in axis.get_legend_handles_labels()[0] if line not in handles]
    if len(chosen) < len(run.strategies):
        [other] = axis.plot([], [], color="#d0d0d0", linewidth=0.7, label=f"{len(run.strategies) - len(chosen)} others")
        handles.append(other)
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter("{x:,.0f}")
    _accuracy_axis(axis, np.concatenate(drawn), best)
    axis.grid(axis="y")
    axis.set_axisbelow(True)
    axis.set_xlabel(f"k best by {sheet.signal_title}")
    axis.set_ylabel("best true accuracy (%)")
    if beside:
        figure.legend(handles=handles, loc="outside right center")
    else:
        style.legend_below(figure, handles, page)
    return Drawn(figure, _caption(sheet, chosen, banded))


def _caption(sheet: Sheet, chosen: list[str], banded: bool) -> str:
    several = sheet.seeds_of(sheet.run.records) > 1
    return joined(
        f"The best true accuracy among the k architectures with the best scores ({sheet.signal_title}): what training "
        "k candidates gives.",
        f"In colour: {'chosen by name' if sheet.highlight else 'the best of each family by τ'}; the others are grey."
        if len(chosen) < len(sheet.run.strategies)
        else "",
        truth_words(sheet.first),
        seed_words(sheet.run.records),
        "Lines are means over seeds" + (", bands the range of the seeds." if banded else ".") if several else "",
    )


def _draw_line(axis: Axes, sheet: Sheet, name: str, banded: bool) -> Any:
    k_K, accuracy_SK = _curves(sheet.run.of(name), sheet.signal)
    mark = sheet.marks[name]
    if banded and len(accuracy_SK) > 1:
        axis.fill_between(k_K, accuracy_SK.min(0), accuracy_SK.max(0), color=mark.colour, alpha=0.15, linewidth=0)
    powers = list(np.flatnonzero(np.isin(k_K, 10 ** np.arange(6))))
    [line] = axis.plot(
        k_K, accuracy_SK.mean(0), color=mark.colour, marker=mark.marker, markevery=powers, label=style.name_of(name)
    )
    return line


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
