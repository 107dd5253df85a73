"""Ranking inside the leaves of each partition and between them: tau of every leaf, and the offset of its scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nasbench_harness.errors import DataError
from nasbench_harness.figures import style
from nasbench_harness.figures.caption import CannotDrawError, Drawn, joined, seed_words, truth_words
from nasbench_harness.figures.leaf_names import LETTERS_WORDS, conditions_of, short
from nasbench_harness.figures.page import Page
from nasbench_harness.figures.sheet import Sheet, without_controls
from nasbench_harness.records import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NAMED = 27
"""More leaves than this are drawn without their names."""
_PANELS = 5
_PAGE = 7.6
"""Inches for all panels."""
_LINES: dict[str, tuple[str, Any]] = {
    "kendall_tau": ("all architectures", "-"),
    "kendall_tau_within": ("mean within leaves", (0, (4, 2))),
    "kendall_tau_of_means": ("between leaf means", (0, (1, 1.2))),
}


def draw(sheet: Sheet) -> Drawn:
    """A row a strategy with more than one leaf: tau of each leaf, and its mean rank offset.

    Shows the seed with the median tau, and as many strategies as a page holds. Raises ``CannotDrawError`` where no
    strategy divides the space, ``DataError`` for a signal that a record lacks.
    """
    divided = {name: record for name in sheet.run.strategies if _leaves(record := sheet.median(name), sheet) > 1}
    if not divided:
        raise CannotDrawError("no strategy here divides the space")
    page, records = (
        sheet.page,
        _on_a_page([divided[name] for name in sheet.chosen(_PANELS, without_controls(sheet, list(divided)))], sheet),
    )
    found = [(record, analysis_of(record, sheet.signal)) for record in records]
    heights = [_height(len(analysis["leaves"]), page) for _, analysis in found]
    figure = style.new_figure(page.text, sum(heights) + 0.35 + 2 * page.line)
    axes = figure.subplots(len(found), 2, squeeze=False, sharex="col", gridspec_kw={"height_ratios": heights})
    for row, (record, analysis) in zip(axes, found, strict=True):
        colour = sheet.marks[record.strategy].colour
        leaves = sorted(analysis["leaves"], key=lambda leaf: _number(leaf, "kendall_tau", -2.0))
        _draw_taus(row[0], leaves, colour, page)
        _draw_lines(row[0], analysis)
        row[0].set_title(
            f"{style.name_of(record.strategy)}, seed {record.seed}",
            loc="left",
            pad=3,
            fontsize=page.small,
            weight="bold",
        )
        _draw_offsets(row[1], leaves, colour)
    axes[-1][0].set_xlabel("τ in the leaf")
    axes[-1][1].set_xlabel("mean rank offset (%)")
    style.legend_below(figure, _legend(axes[:, 0]), page)
    return Drawn(figure, _caption(sheet, records, len(divided)))


def _leaves(record: Record, sheet: Sheet) -> int:
    return len(analysis_of(record, sheet.signal)["leaves"])


def _on_a_page(records: list[Record], sheet: Sheet) -> list[Record]:
    """The first of the records whose panels fit a page; one at least."""
    total, kept = 0.0, list[Record]()
    for record in records:
        total += _height(_leaves(record, sheet), sheet.page)
        if kept and total > _PAGE:
            break
        kept.append(record)
    return kept


def _caption(sheet: Sheet, records: list[Record], divided: int) -> str:
    names = [leaf["name"] for record in records for leaf in record.leaves]
    return joined(
        f"Ranking by {sheet.signal_title} inside each leaf of a partition (left) and how far the scores of a leaf "
        "stand off those of the others (right): mean rank by score less mean true rank, negative where a leaf is rated "
        "above its worth. The number of architectures stands beside the leaf. Lines: τ over all architectures, the "
        "mean of the leaves weighted by size, and τ between the mean scores and mean truths of the leaves.",
        LETTERS_WORDS if any(conditions_of(name) for name in names) else "",
        sheet.chosen_words([record.strategy for record in records], divided),
        truth_words(sheet.first),
        seed_words(records),
        sheet.median_words(),
    )


def analysis_of(record: Record, signal: str | None = None) -> dict[str, Any]:
    """The record's analysis of its leaves by a signal (see ``metrics.leaves``).

    Raises ``DataError`` for a signal that the record lacks.
    """
    name, stored = signal or record.signal, record.analysis["leaves"]
    if name not in stored:
        at_hand = ", ".join(stored)
        raise DataError(f"{record.strategy}, seed {record.seed}: no leaf analysis of {name!r}; at hand: {at_hand}")
    return dict(stored[name])


def _height(count: int, page: Page) -> float:
    return 1.9 * page.line + (1.15 * page.line * count if count <= _NAMED else 1.6)


def _number(leaf: dict[str, Any], key: str, otherwise: float) -> float:
    value = leaf.get(key)
    return otherwise if value is None else float(value)


def _draw_taus(axis: Axes, leaves: list[dict[str, Any]], colour: str, page: Page) -> None:
    places = range(len(leaves))
    axis.barh(
        places, [_number(leaf, "kendall_tau", 0.0) for leaf in leaves], _thickness(leaves), color=colour, alpha=0.55
    )
    axis.set_yticks([])
    if len(leaves) <= _NAMED:
        axis.set_yticks(places, [_label(leaf) for leaf in leaves], fontsize=page.small)
    _finish(axis, len(leaves))


def _draw_offsets(axis: Axes, leaves: list[dict[str, Any]], colour: str) -> None:
    offsets = [100 * _number(leaf, "rank_offset", 0.0) for leaf in leaves]
    axis.barh(range(len(leaves)), offsets, _thickness(leaves), color=colour, alpha=0.55)
    axis.set_yticks([])
    _finish(axis, len(leaves))


def _finish(axis: Axes, count: int) -> None:
    axis.axvline(0, color="black", linewidth=0.6)
    axis.set_ylim(-0.7, count - 0.3)
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="x")
    axis.set_axisbelow(True)


def _draw_lines(axis: Axes, analysis: dict[str, Any]) -> None:
    for key, (label, dashes) in _LINES.items():
        value = analysis.get(key)
        if value is not None:
            axis.axvline(float(value), color="black", linewidth=1.0, linestyle=dashes, label=label)


def _legend(axes: Any) -> list[Any]:
    """Every kind of line once, in their order."""
    found = {label: handle for axis in axes for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    return [found[label] for label, _ in _LINES.values() if label in found]


def _thickness(leaves: list[dict[str, Any]]) -> float:
    return 0.7 if len(leaves) <= _NAMED else 0.9


def _label(leaf: dict[str, Any]) -> str:
    return f"{short(leaf['name'])} ({leaf['n']:,})" + ("" if leaf["kendall_tau"] is not None else ", undefined")
