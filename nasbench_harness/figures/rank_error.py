"""Mean rank error by what architectures are made of: the bias of a ranking towards many or few convolutions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nasbench_harness.figures import style
from nasbench_harness.figures.caption import CannotDrawError, Drawn, joined, seed_words, truth_words
from nasbench_harness.figures.sheet import FloatArray, Sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SHOWN = 5
_COUNTS = {"convolutions": "convolutions on live edges", "nonlinearities": "nonlinearities in a chain"}


def draw(sheet: Sheet) -> Drawn:
    """A panel a count, a line a strategy (mean over seeds); a few in colour, the others grey, live FLOPs black.

    Raises ``CannotDrawError`` for records of an earlier version, which have no such errors.
    """
    if any("breakdown" not in record.column(sheet.signal) for record in sheet.run.records):
        policy = sheet.first.truth["policy"]
        raise CannotDrawError(f"records of an earlier version have no rank errors; give --policy {policy} and --truth")
    counts = [name for name in _COUNTS if name in _errors(sheet.first.column(sheet.signal))]
    chosen, page = sheet.chosen(_SHOWN), sheet.page
    across = page.panels(len(counts), 2.4)
    down = -(-len(counts) // across)
    figure = style.new_figure(page.text, down * 2.2 + 3 * page.line + 0.15)
    axes = figure.subplots(down, across, sharey=True, squeeze=False).ravel()
    for axis, count in zip(axes, counts, strict=True):
        _panel(axis, sheet, count, chosen)
    axes[0].set_ylabel("mean rank error (%)")
    style.legend_below(figure, axes[0].get_legend_handles_labels()[0], page)
    return Drawn(figure, _caption(sheet, chosen))


def _panel(axis: Axes, sheet: Sheet, count: str, chosen: list[str]) -> None:
    first = _errors(sheet.first.column(sheet.signal))[count]
    value_K = [row["value"] for row in first]
    axis.axhline(0, color=style.GREY, linewidth=0.8)
    for name in sheet.run.strategies:
        if name not in chosen:
            axis.plot(value_K, _mean(sheet, name, count, value_K), color="#d0d0d0", linewidth=0.7, zorder=1)
    for name in chosen:
        mark = sheet.marks[name]
        axis.plot(
            value_K,
            _mean(sheet, name, count, value_K),
            color=mark.colour,
            marker=mark.marker,
            markersize=3.5,
            label=style.name_of(name),
        )
    reference = sheet.first.references.get("live_flops", {}).get("breakdown")
    if reference is not None:
        error_K = _aligned(reference["rank_error"][count], value_K)
        axis.plot(value_K, error_K, color="black", linestyle=(0, (1, 1.2)), linewidth=1, label="live FLOPs")
    axis.set_xticks(value_K, [f"{row['value']}\n{row['n']:,}" for row in first])
    axis.set_xlabel(f"{_COUNTS[count]}\n(and architectures with so many)")
    for y, va, text in ((0.98, "top", "rated too low"), (0.02, "bottom", "rated too high")):
        axis.text(
            0.5, y, text, transform=axis.transAxes, va=va, ha="center", fontsize=sheet.page.small, color=style.GREY
        )
    axis.margins(y=0.14)
    axis.grid(axis="y")
    axis.set_axisbelow(True)


def _errors(column: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return dict(column["breakdown"]["rank_error"])


def _aligned(found: list[dict[str, Any]], value_K: list[int]) -> FloatArray:
    """Errors in per cent by value of the count, NaN where no architecture has it."""
    by_value = {row["value"]: row["error"] for row in found}
    return np.array([100 * by_value.get(value, np.nan) for value in value_K], np.float64)


def _mean(sheet: Sheet, name: str, count: str, value_K: list[int]) -> FloatArray:
    of_seeds = [_aligned(_errors(record.column(sheet.signal))[count], value_K) for record in sheet.run.of(name)]
    return np.asarray(np.mean(of_seeds, axis=0), np.float64)


def _caption(sheet: Sheet, chosen: list[str]) -> str:
    several = sheet.seeds_of(sheet.run.records) > 1
    return joined(
        f"Rank by score ({sheet.signal_title}) less true rank, in per cent of all ranks, mean over the architectures "
        "with so many convolutions or nonlinearities. Above 0 they are rated too low, below too high.",
        "In colour: "
        + ("chosen by name" if sheet.highlight else "the best of each family by τ")
        + "; the others are grey."
        if len(chosen) < len(sheet.run.strategies)
        else "",
        truth_words(sheet.first),
        seed_words(sheet.run.records),
        "Lines are means over seeds." if several else "",
    )
