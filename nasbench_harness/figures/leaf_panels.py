"""Ranking inside the leaves of each partition and between them: tau of every leaf, and the offset of its scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nasbench_harness.errors import DataError
from nasbench_harness.figures import style
from nasbench_harness.figures.rank_hexbin import median_unit
from nasbench_harness.records import Record, Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NAMED = 8  # more leaves than this are drawn without their names
_LONGEST = 26
_PAGE = 7.6  # inches for all panels
_LINES: dict[str, tuple[str, Any]] = {
    "kendall_tau": ("all architectures", "-"),
    "kendall_tau_within": ("mean within leaves", (0, (4, 2))),
    "kendall_tau_of_means": ("between leaf means", (0, (1, 1.2))),
}


def draw(run: Run, signal: str | None = None) -> Figure | None:
    """A row a strategy with more than one leaf: tau of each leaf, and its mean rank offset.

    Shows the seed with the median tau. None where no strategy divides the space. Raises ``DataError`` for a signal that
    a record lacks.
    """
    rows = [median_unit(run.of(name), signal) for name in run.strategies]
    found = [(record, analysis_of(record, signal)) for record in rows]
    found = [(record, analysis) for record, analysis in found if len(analysis["leaves"]) > 1]
    if not found:
        return None
    marks = style.marks(run.strategies)
    heights = [_height(len(analysis["leaves"])) for _, analysis in found]
    named = sum(heights) <= _PAGE
    if not named:  # too many for one page with a name at every bar
        heights = [min(1.4, _PAGE / len(found))] * len(found)
    figure = style.new_figure(style.DOUBLE_COLUMN, sum(heights) + 0.75)
    axes = figure.subplots(len(found), 2, squeeze=False, sharex="col", gridspec_kw={"height_ratios": heights})
    for row, (record, analysis) in zip(axes, found, strict=True):
        colour = marks[record.strategy].colour
        leaves = sorted(analysis["leaves"], key=lambda leaf: _number(leaf, "kendall_tau", -2.0))
        _draw_taus(row[0], leaves, colour, named and len(leaves) <= _NAMED)
        _draw_lines(row[0], analysis)
        row[0].set_title(
            f"{style.name_of(record.strategy)}, seed {record.seed}: {len(leaves)} leaves", loc="left", pad=3
        )
        _draw_offsets(row[1], leaves, colour)
    words = style.title_of(signal or found[0][0].signal)
    axes[-1][0].set_xlabel(f"Kendall τ by {words} in the leaf")
    axes[-1][1].set_xlabel("mean rank offset (%, left: rated too high)")
    handles, labels = _legend(axes[:, 0])
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def analysis_of(record: Record, signal: str | None = None) -> dict[str, Any]:
    """The record's analysis of its leaves by a signal (see ``metrics.leaves``).

    Raises ``DataError`` for a signal that the record lacks.
    """
    name, stored = signal or record.signal, record.analysis["leaves"]
    if name not in stored:
        at_hand = ", ".join(stored)
        raise DataError(f"{record.strategy}, seed {record.seed}: no leaf analysis of {name!r}; at hand: {at_hand}")
    return dict(stored[name])


def _height(count: int) -> float:
    return 0.42 + 0.15 * count if count <= _NAMED else 1.4


def _number(leaf: dict[str, Any], key: str, otherwise: float) -> float:
    value = leaf.get(key)
    return otherwise if value is None else float(value)


def _draw_taus(axis: Axes, leaves: list[dict[str, Any]], colour: str, named: bool) -> None:
    places = range(len(leaves))
    axis.barh(
        places, [_number(leaf, "kendall_tau", 0.0) for leaf in leaves], _thickness(leaves), color=colour, alpha=0.55
    )
    axis.set_yticks([])
    if named:
        axis.set_yticks(places, [_label(leaf) for leaf in leaves], fontsize=6)
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


def _legend(axes: Any) -> tuple[list[Any], list[str]]:
    """Every kind of line once, in their order."""
    found = {label: handle for axis in axes for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    labels = [label for label, _ in _LINES.values() if label in found]
    return [found[label] for label in labels], labels


def _thickness(leaves: list[dict[str, Any]]) -> float:
    return 0.7 if len(leaves) <= _NAMED else 0.9


def _label(leaf: dict[str, Any]) -> str:
    name = leaf["name"] if len(leaf["name"]) <= _LONGEST else f"{leaf['name'][: _LONGEST - 1]}…"
    return f"{name} ({leaf['n']:,})" if leaf["kendall_tau"] is not None else f"{name} (undefined)"
