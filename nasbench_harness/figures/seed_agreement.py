"""Whether two seeds of a strategy agree with each other: tau between their scores, beside tau with the truth."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from nasbench_harness.figures import rows, style
from nasbench_harness.figures.caption import CannotDrawError, Drawn, joined, seed_words, truth_words
from nasbench_harness.figures.sheet import Sheet
from nasbench_harness.metrics.correlation import kendall_tau
from nasbench_harness.records.summary import estimate


def draw(sheet: Sheet) -> Drawn:
    """A row a strategy of two seeds or more: a dot a pair of seeds, their mean, and a diamond for tau with the truth.

    Raises ``CannotDrawError`` where no strategy has two seeds.
    """
    order = [name for name in sheet.ranked() if len(sheet.run.of(name)) > 1]
    if not order:
        raise CannotDrawError("no strategy here has two seeds")
    page = sheet.page
    figure = style.new_figure(page.text, rows.height(len(order), page, 4))
    axis = figure.subplots()
    shown = list[float]()
    for place, name in enumerate(order):
        colour, pairs = sheet.marks[name].colour, agreement(sheet, name)
        axis.plot(pairs, [place] * len(pairs), "o", color=colour, markersize=2.2, mew=0, alpha=0.5)
        truth = estimate(sheet.run.of(name), "kendall_tau", sheet.signal)
        if pairs:
            axis.plot(np.mean(pairs), place, "|", color=colour, markersize=8, mew=1.8)
        if truth is not None:
            axis.plot(truth.mean, place, "D", color=colour, mfc="white", markersize=3.5, mew=1)
        shown += [*pairs, *([] if truth is None else [truth.mean])]
    rows.name_rows(axis, sheet, order)
    rows.set_limits(axis, shown)
    axis.set_xlabel(f"Kendall τ by {sheet.signal_title}")
    style.legend_below(figure, _legend(), page)
    return Drawn(figure, _caption(sheet, order))


def agreement(sheet: Sheet, name: str) -> list[float]:
    """Tau between the scores of every two seeds of a strategy; pairs without one are left out.

    Raises ``CannotDrawError`` where the seeds scored different architectures.
    """
    records = sheet.run.of(name)
    first = sheet.scores(records[0]).index
    if any(not np.array_equal(sheet.scores(record).index, first) for record in records):
        raise CannotDrawError(f"the seeds of {name} scored different architectures")
    taus = [kendall_tau(sheet.score(one), sheet.score(other)) for one, other in combinations(records, 2)]
    return [tau for tau in taus if tau is not None]


def _legend() -> list[object]:
    from matplotlib.lines import Line2D

    def mark(marker: str, label: str, size: float, edge: float, face: str) -> Line2D:
        return Line2D(
            [], [], color=style.GREY, linestyle="", marker=marker, markersize=size, mew=edge, mfc=face, label=label
        )

    return [
        mark("o", "two seeds with each other", 2.6, 0, style.GREY),
        mark("|", "their mean", 8, 1.8, style.GREY),
        mark("D", "with the truth, mean over seeds", 3.5, 1, "white"),
    ]


def _caption(sheet: Sheet, order: list[str]) -> str:
    records = [record for name in order for record in sheet.run.of(name)]
    return joined(
        f"Kendall's τ between the scores ({sheet.signal_title}) of every two seeds of a strategy, beside τ with the "
        "truth (diamonds). Where seeds agree with each other more than with the truth, a strategy errs in the same way "
        "each time, and more seeds do not help. Pairs share seeds, so no interval is drawn.",
        truth_words(sheet.first),
        seed_words(records),
    )
