"""Rank by score against true rank: over all architectures as a density, and the best tenth as points."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.figures import style
from nasbench_harness.figures.caption import Drawn, joined, seed_words, truth_words
from nasbench_harness.figures.sheet import FloatArray, Sheet
from nasbench_harness.records import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PANELS = 4
_BINS = 25
_SLICES = 20
_BAND = (10, 90)
_BEST = 10.0
"""Per cent of the architectures that the second row shows."""
_FEW = 400
"""Fewer architectures than this in the best tenth are drawn as larger points."""


def draw(sheet: Sheet) -> Drawn:
    """Two panels a strategy, one above the other, for four strategies at most, from the best to the worst."""
    return _draw(sheet, sheet.spread(_PANELS))


def draw_one(sheet: Sheet, strategy: str) -> Drawn:
    """The two panels of one strategy."""
    return _draw(sheet, [strategy])


def _draw(sheet: Sheet, names: list[str]) -> Drawn:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    page, records = sheet.page, [sheet.median(name) for name in names]
    across = page.panels(len(names), 1.25)
    width = page.column if len(names) == 1 else page.text
    down = math.ceil(len(names) / across)
    side = min(2.1, (width - 1.35) / across)
    figure = style.new_figure(width, down * (2 * side + 0.62) + 0.4)
    axes = figure.subplots(2 * down, across, squeeze=False, sharey=True)
    for axis in axes.flat:
        axis.set_visible(False)
    norm = Normalize(0, 3)
    for place, record in enumerate(records):
        above, below = axes[2 * (place // across) : 2 * (place // across) + 2, place % across]
        true_A, rank_A = ranks_of(sheet.truth(record), 0), ranks_of(sheet.score(record), 1)
        _whole(above, true_A, rank_A, norm)
        _best(below, true_A, rank_A, sheet.marks[record.strategy].colour)
        above.set_title(
            _fitting(style.name_of(record.strategy), side, page.small), loc="left", fontsize=page.small, pad=3
        )
        tau = record.column(sheet.signal)["kendall_tau"]
        above.text(
            0.97,
            0.03,
            "τ undefined" if tau is None else f"τ = {style.number(tau)}",
            transform=above.transAxes,
            ha="right",
            va="bottom",
            fontsize=page.small,
            bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
        )
        for axis in (above, below):
            axis.set_visible(True)
            axis.tick_params(labelleft=place % across == 0)
    figure.supxlabel("true rank (%, 0 = best)", fontsize=page.label)
    figure.supylabel(f"rank by {sheet.signal_title} (%, 0 = best)", fontsize=page.label)
    bar = figure.colorbar(
        ScalarMappable(norm, style.DENSITY_MAP),
        ax=axes.ravel().tolist(),
        shrink=0.6,
        aspect=30,
        pad=0.015,
        extend="max",
    )
    bar.set_label("density by column (1 = chance)", fontsize=page.small)
    bar.outline.set_linewidth(0.4)
    return Drawn(figure, _caption(sheet, records))


def ranks_of(value_A: FloatArray, seed: int) -> FloatArray:
    """Rank of each value in per cent, the highest near 0; equal values are put in random order.

    So a block of ties fills the ranks that it covers, in place of one line through their middle.
    """
    chance_A = np.random.default_rng(seed).permutation(value_A.size)
    rank_A = np.empty(value_A.size)
    rank_A[np.lexsort((chance_A, -value_A))] = np.arange(value_A.size) + 0.5
    return np.asarray(100 * rank_A / value_A.size, np.float64)


def slices(true_A: FloatArray, rank_A: FloatArray, high: float, count: int) -> tuple[FloatArray, FloatArray]:
    """Slices of the true rank up to ``high``: their middles, ``[count]``, and the 10th, 50th and 90th percentile of the
    rank by score in each, ``[3, count]``."""
    edges = np.linspace(0, high, count + 1)
    place_A = np.minimum(np.searchsorted(edges, true_A, side="right") - 1, count)
    inside = [rank_A[place_A == place] for place in range(count)]
    wanted = [_BAND[0], 50, _BAND[1]]
    found = [np.percentile(ranks, wanted) if ranks.size else np.full(3, np.nan) for ranks in inside]
    return (edges[:-1] + edges[1:]) / 2, np.array(found).T


def _whole(axis: Axes, true_A: FloatArray, rank_A: FloatArray, norm: Any) -> None:
    bins = min(_BINS, max(5, int(math.sqrt(true_A.size) / 2)))
    count_XY = np.histogram2d(true_A, rank_A, bins=bins, range=[(0, 100), (0, 100)])[0]
    density_XY = _by_column(count_XY)
    axis.imshow(
        density_XY.T,
        origin="lower",
        extent=(0, 100, 0, 100),
        norm=norm,
        cmap=style.DENSITY_MAP,
        interpolation="nearest",
    )
    _lines(axis, *slices(true_A, rank_A, 100, min(_SLICES, bins)), "white")
    axis.plot([0, 100], [0, 100], color="white", linewidth=0.5, linestyle=(0, (1, 2)))
    _finish(axis, 100.0)


def _best(axis: Axes, true_A: FloatArray, rank_A: FloatArray, colour: str) -> None:
    best_A = true_A <= _BEST
    size = 1.2 if best_A.sum() > _FEW else 4
    # one image, not thousands of paths: a page of such panels stays small
    axis.scatter(true_A[best_A], rank_A[best_A], s=size, color=colour, alpha=0.35, linewidths=0, rasterized=True)
    _lines(axis, *slices(true_A, rank_A, _BEST, 5 if best_A.sum() > 100 else 2), "black")
    axis.axhline(_BEST, color="black", linewidth=0.5, linestyle=(0, (1, 2)))
    _finish(axis, _BEST)


def _by_column(count_XY: npt.NDArray[Any]) -> FloatArray:
    """Each column as a density whose mean is 1: what chance gives."""
    total_X = count_XY.sum(axis=1, keepdims=True)
    return np.asarray(count_XY * count_XY.shape[1] / np.maximum(total_X, 1), np.float64)


def _lines(axis: Axes, middle_X: FloatArray, percentile_3X: FloatArray, colour: str) -> None:
    low_X, median_X, high_X = percentile_3X
    axis.plot(middle_X, median_X, color=colour, linewidth=1.1)
    for ends_X in (low_X, high_X):
        axis.plot(middle_X, ends_X, color=colour, linewidth=0.7, linestyle=(0, (4, 2)))


def _finish(axis: Axes, high: float) -> None:
    axis.set(xlim=(0, high), ylim=(0, 100), aspect=high / 100)
    axis.set_xticks([0, high / 2, high], ["0", f"{high / 2:g}", f"{high:g}"])
    axis.set_yticks([0, 50, 100])
    for spine in axis.spines.values():
        spine.set_visible(True)


def _fitting(name: str, inches: float, points: float) -> str:
    """The name on two lines where one is too narrow."""
    if style.text_width(name, points) <= inches or " " not in name:
        return name
    places = [place for place, letter in enumerate(name) if letter == " "]
    middle = min(places, key=lambda place: abs(place - len(name) / 2))
    return f"{name[:middle]}\n{name[middle + 1 :]}"


def _caption(sheet: Sheet, records: list[Record]) -> str:
    return joined(
        f"Rank by score ({sheet.signal_title}) against true rank, 0 % the best. Above: all architectures, each column "
        "of equal true rank as a density of its own (1: what chance gives); solid line: median, dashed: 10th and 90th "
        "percentile, dotted: perfect ranking. Below: the truly best 10 %, a point an architecture; what lies under "
        "the dotted line is among the best 10 % by score too. Equal scores are put in random order.",
        sheet.spread_words(len(records)),
        truth_words(sheet.first),
        seed_words(records),
        sheet.median_words(),
        sheet.beyond_words([record.strategy for record in records]),
    )
