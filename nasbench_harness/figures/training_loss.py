"""Training loss against the budget: where training broke, and what it ended with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.figures import style
from nasbench_harness.figures.caption import CannotDrawError, Drawn, joined, seed_words, truth_words
from nasbench_harness.figures.page import Page
from nasbench_harness.figures.sheet import Sheet
from nasbench_harness.records import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FloatArray = npt.NDArray[np.float64]

Line = tuple[str, style.Mark, Sequence[Record]]
"""What a line is called, how it looks, and its records, a line each."""

_SHOWN = 4
_START = 0.05
"""Share of the budget whose losses do not set the upper limit: a new network's say nothing and hide the others."""

WHAT = (
    "Mean training loss of each stretch of training against architecture-updates, a line a seed. What trains one "
    "after the other follows one another; a gap is a new stage. The axis leaves out the start of training."
)


def draw(sheet: Sheet) -> Drawn:
    """A line a strategy and seed. Up to four strategies are shown; ``CannotDrawError`` without losses."""
    losses = {name: [r for r in sheet.run.of(name) if course(r)] for name in sheet.run.strategies}
    losses = {name: records for name, records in losses.items() if records}
    if not losses:
        raise CannotDrawError("no record has a curve of training losses")
    chosen = sheet.chosen(_SHOWN, losses)
    lines = [(style.name_of(name), sheet.marks[name], losses[name]) for name in chosen]
    records = [record for name in chosen for record in losses[name]]
    shown = sheet.chosen_words(chosen, len(sheet.run.strategies))
    words = joined(WHAT, shown, truth_words(sheet.first), seed_words(records))
    return Drawn(figure_of(lines, sheet.page), words)


def figure_of(lines: Sequence[Line], page: Page) -> Figure:
    """One panel with all lines; those of records without losses are left out."""
    from matplotlib.ticker import EngFormatter

    figure = style.new_figure(page.text, 2.0 + page.line * (1 + len(lines) / 2))
    axis = figure.subplots()
    lowest, highest, longest = np.inf, -np.inf, 0.0
    for label, mark, records in lines:
        for number, stages in enumerate(filter(None, map(course, records))):
            end = float(stages[-1][0][-1])
            for place, (updates_S, loss_S) in enumerate(stages):
                said = "" if number or place else label
                axis.plot(updates_S, loss_S, color=mark.colour, linewidth=1.0, alpha=0.8, label=said)
                lowest = min(lowest, float(loss_S.min()))
                highest = max(highest, float(loss_S[updates_S >= min(_START * end, updates_S[-1])].max()))
            longest = max(longest, end)
    room = 0.04 * (highest - lowest) or 0.1
    axis.set_ylim(lowest - room, highest + room)
    axis.set_xlim(0, longest or 1)
    axis.set_xlabel("architecture-updates")
    axis.set_ylabel("training loss")
    axis.xaxis.set_major_formatter(EngFormatter(sep=" "))
    axis.grid(axis="y")
    axis.set_axisbelow(True)
    style.legend_below(figure, axis.get_legend_handles_labels()[0], page)
    return figure


def course(record: Record) -> list[tuple[FloatArray, FloatArray]]:
    """``stretches`` of each stage, one stage after the other; stages without any are left out."""
    found, before = [], 0.0
    for curve in record.training["loss"]:
        if len(curve["updates"]):
            updates_S, loss_S = stretches(curve)
            found.append((before + updates_S, loss_S))
            before += curve["updates"][-1]
    return found


def stretches(curve: Mapping[str, Any]) -> tuple[FloatArray, FloatArray]:
    """Of a record's loss curve the ends of its stretches in architecture-updates, and their mean losses, ``[n]`` each.

    A stretch of less than half the longest, such as what is left over at the end, is noise and left out.
    """
    updates_S, loss_S = (np.array(curve[name], np.float64) for name in ("updates", "loss"))
    length_S = np.diff(updates_S, prepend=0)
    long_S = length_S >= length_S.max() / 2
    return updates_S[long_S], loss_S[long_S]
