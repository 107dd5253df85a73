"""How often one strategy beats another: the probability over pairs of seeds, and the tiers that can be told apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nasbench_harness.evidence.sample import sample_of
from nasbench_harness.evidence.tiers import LEVEL, places
from nasbench_harness.figures import style
from nasbench_harness.figures.caption import CannotDrawError, Drawn, joined, seed_words, truth_words
from nasbench_harness.figures.sheet import FloatArray, Sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(sheet: Sheet) -> Drawn:
    """A matrix: row beats column, in per cent of the pairs of seeds; lines between tiers, their numbers at the right.

    Raises ``CannotDrawError`` where fewer than two strategies have two seeds or more.
    """
    order = [name for name in sheet.ranked() if len(sheet.run.of(name)) > 1]
    if len(order) < 2:
        raise CannotDrawError("fewer than two strategies here have two seeds")
    samples = {name: sample_of(sheet.run, name, "kendall_tau", sheet.signal) for name in order}
    tier_of = {name: place.tier for name, place in places(list(samples.values())).items()}
    order = sorted(order, key=lambda name: tier_of[name])  # stable: best first in each
    chance_NN = np.array([[probability(samples[a].value_S, samples[b].value_S) for b in order] for a in order])
    page = sheet.page
    figure = style.new_figure(page.text, min(page.text * 0.86, max(2.2, 1.35 * page.line * len(order) + 1.6)))
    axis = figure.subplots()
    shown_NN = np.where(np.eye(len(order), dtype=bool), np.nan, 100 * chance_NN)
    image = axis.imshow(shown_NN, cmap="RdBu", vmin=0, vmax=100, aspect="auto")
    _numbers(axis, shown_NN, page.small, page.text)
    names = [style.name_of(name) for name in order]
    axis.set_xticks(range(len(order)), names, rotation=90)
    axis.set_yticks(range(len(order)), names)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    _tiers(axis, [tier_of[name] for name in order], page.small)
    bar = figure.colorbar(image, ax=axis, shrink=0.8, aspect=28, pad=0.06)
    bar.set_label("row beats column (%)")
    bar.outline.set_linewidth(0.4)
    return Drawn(figure, _caption(sheet, order))


def probability(one_S: FloatArray, other_S: FloatArray) -> float:
    """Share of the pairs of a value of each in which the first is higher, ties counted by half."""
    difference_SS = one_S[:, None] - other_S[None]
    return float(((difference_SS > 0) + 0.5 * (difference_SS == 0)).mean())


def _numbers(axis: Axes, value_NN: FloatArray, points: float, width: float) -> None:
    if len(value_NN) * 3.6 * points / 72 > width - 2.6:  # three digits do not fit a cell: colour alone
        return
    for row, column in np.argwhere(~np.isnan(value_NN)):
        value = value_NN[row, column]
        colour = "white" if abs(value - 50) > 35 else "black"
        axis.text(column, row, f"{value:.0f}", ha="center", va="center", fontsize=points, color=colour)


def _tiers(axis: Axes, tiers: list[int], points: float) -> None:
    for tier in dict.fromkeys(tiers):
        start, end = tiers.index(tier) - 0.5, len(tiers) - tiers[::-1].index(tier) - 0.5
        axis.text(len(tiers) - 0.35, (start + end) / 2, f"{tier}", ha="left", va="center", fontsize=points)
        if end < len(tiers):
            axis.axhline(end, color="black", linewidth=0.9)
            axis.axvline(end, color="black", linewidth=0.9)
    axis.text(len(tiers) - 0.35, -0.75, "tier", ha="left", va="bottom", fontsize=points)


def _caption(sheet: Sheet, order: list[str]) -> str:
    records = [record for name in order for record in sheet.run.of(name)]
    left_out = len(sheet.run.strategies) - len(order)
    return joined(
        f"How often the strategy of the row has a higher τ ({sheet.signal_title}) than that of the column, over all "
        "pairs of a seed of each; 50 % is a draw. Lines: tiers, each the best strategy that has none yet and those "
        f"that cannot be told from it (t-tests of all pairs with Holm's correction at {100 * LEVEL:g} %).",
        f"Left out for want of a second seed: {left_out}." if left_out else "",
        truth_words(sheet.first),
        seed_words(records),
    )
