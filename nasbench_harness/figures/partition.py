"""The partition itself: which operations each leaf holds on each edge, and the tree of the edges that were split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nasbench_harness.figures import style
from nasbench_harness.figures.caption import CannotDrawError, Drawn, joined, seed_words, truth_words
from nasbench_harness.figures.leaf_names import EDGES, LETTERS, LETTERS_WORDS, conditions_of, short
from nasbench_harness.figures.page import Page
from nasbench_harness.figures.sheet import FloatArray, Sheet, without_controls
from nasbench_harness.figures.split_tree import Split, split_tree
from nasbench_harness.records import Record
from nasbench_harness.space import N_EDGES, N_OPERATIONS, all_codes, live_cell_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PANELS = 5
_PAGE = 7.4


def draw(sheet: Sheet) -> Drawn:
    """A panel for each of up to five strategies that divide the space, as many as a page holds; controls come last.

    Raises ``CannotDrawError`` where none does.
    """
    divided = [name for name in sheet.run.strategies if len(sheet.median(name).leaves) > 1]
    if not divided:
        raise CannotDrawError("no strategy here divides the space")
    chosen, total = list[str](), 0.0
    for name in sheet.chosen(_PANELS, without_controls(sheet, divided)):
        total += _height(sheet.median(name), sheet.page)
        if chosen and total > _PAGE:
            break
        chosen.append(name)
    return _draw(sheet, chosen, len(divided))


def draw_one(sheet: Sheet, strategy: str) -> Drawn:
    """The partition of one strategy; ``CannotDrawError`` where it has none."""
    if len(sheet.median(strategy).leaves) < 2:
        raise CannotDrawError(f"{strategy} does not divide the space")
    return _draw(sheet, [strategy], 1)


def shares(index_A: npt.NDArray[np.integer], leaf_A: npt.NDArray[np.integer], leaves: int) -> FloatArray:
    """Share of each leaf's live cells that have an operation on an edge: ``[leaves, 6, 5]``; NaN for an empty leaf.

    ``index_A``, ``leaf_A``: architectures by our index, and the number of their leaf. Architectures that are not their
    own live cell are left out: they are scored as another, by the leaf of that one.
    """
    own_A = live_cell_of()[index_A] == index_A
    code_AE, number_A = all_codes()[index_A[own_A]], leaf_A[own_A]
    share = np.full((leaves, N_EDGES, N_OPERATIONS), np.nan)
    for leaf in np.unique(number_A[number_A >= 0]).tolist():
        inside_AE = code_AE[number_A == leaf]
        share[leaf] = (inside_AE[:, :, None] == np.arange(N_OPERATIONS)).mean(axis=0)
    return share


def _draw(sheet: Sheet, names: Sequence[str], divided: int) -> Drawn:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    page, records = sheet.page, [sheet.median(name) for name in names]
    heights = [_height(record, page) for record in records]
    figure = style.new_figure(page.text, sum(heights) + 0.35 + 1.5 * page.line)
    axes = figure.subplots(
        len(records), 2, squeeze=False, sharey="row", gridspec_kw={"height_ratios": heights, "width_ratios": [1, 2.6]}
    )
    norm = Normalize(0, 1)
    for (left, right), record in zip(axes, records, strict=True):
        table = sheet.scores(record)
        share = shares(table.index, table.leaf, len(record.leaves))
        conditions = [conditions_of(str(leaf["name"])) for leaf in record.leaves]
        tree = split_tree([each for each in conditions if each is not None]) if all(conditions) else None
        order = list(range(len(record.leaves))) if tree is None else tree.order
        _matrix(right, share[order], norm, page)
        sizes = [int((table.leaf == leaf).sum()) for leaf in order]
        right.tick_params(axis="y", labelleft=False, labelright=True, length=0)
        right.set_yticks(range(len(order)), [f"{size:,}" for size in sizes])
        if tree is None:
            _names(left, [short(str(record.leaves[leaf]["name"])) for leaf in order], page)
        else:
            _tree(left, tree.root, page, sheet.marks[record.strategy].colour)
        title = f"{style.name_of(record.strategy)}, seed {record.seed}"
        left.set_title(title, loc="left", pad=4, fontsize=page.small, weight="bold")
    bar = figure.colorbar(
        ScalarMappable(norm, "Blues"), ax=axes.ravel().tolist(), location="bottom", shrink=0.5, aspect=40, pad=0.02
    )
    bar.set_label("share of the leaf's cells with the operation", fontsize=page.small)
    bar.outline.set_linewidth(0.4)
    return Drawn(figure, _caption(sheet, records, divided))


def _height(record: Record, page: Page) -> float:
    return 3.6 * page.line + 1.15 * page.line * len(record.leaves)


def _matrix(axis: Axes, share: FloatArray, norm: object, page: Page) -> None:
    flat_LX = share.reshape(len(share), -1)
    axis.imshow(np.where(flat_LX > 0, flat_LX, np.nan), norm=norm, cmap="Blues", aspect="auto", interpolation="nearest")  # type: ignore[arg-type]
    axis.set_facecolor("#f2f2f2")  # where the leaf has no such cell
    for edge in range(1, N_EDGES):
        axis.axvline(edge * N_OPERATIONS - 0.5, color="white", linewidth=2.5)
    for leaf in range(1, len(share)):
        axis.axhline(leaf - 0.5, color="white", linewidth=0.8)
    axis.set_xticks(range(flat_LX.shape[1]), list(LETTERS.values()) * N_EDGES)
    above = axis.secondary_xaxis("top")
    above.set_xticks([edge * N_OPERATIONS + 2 for edge in range(N_EDGES)], list(EDGES))
    for each in (axis, above):
        each.tick_params(length=0, labelsize=page.small)
        each.spines[:].set_visible(False)


def _names(axis: Axes, names: list[str], page: Page) -> None:
    axis.set_axis_off()
    for place, name in enumerate(names):
        axis.text(0.98, place, name, transform=axis.get_yaxis_transform(), ha="right", va="center", fontsize=page.small)


def _tree(axis: Axes, root: Split, page: Page, colour: str) -> None:
    """Elbows from the root at the left to the leaves at the right; the edge that was split stands at its node."""
    axis.set_axis_off()
    depth = root.depth
    axis.set_xlim(-0.35, depth)

    def walk(split: Split, level: int) -> float:
        places = [walk(child, level + 1) if isinstance(child, Split) else float(child) for child in split.children]
        middle = (places[0] + places[-1]) / 2
        for child, place in zip(split.children, places, strict=True):
            end = level + 1 if isinstance(child, Split) else depth
            axis.plot([level, level, end], [middle, place, place], color=colour, linewidth=0.9)
        axis.text(
            level,
            middle,
            EDGES[split.edge],
            ha="center",
            va="center",
            fontsize=page.small,
            bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": colour, "linewidth": 0.6},
        )
        return middle

    walk(root, 0)


def _caption(sheet: Sheet, records: list[Record], divided: int) -> str:
    trees = any(conditions_of(str(leaf["name"])) for record in records for leaf in record.leaves)
    return joined(
        "What each leaf of a partition holds: a row a leaf, for each of the six edges a column an operation; pale: the "
        "leaf has no cell with it. Right: architectures that the leaf scores.",
        "Left: the tree of splits, the edge at the node that it divides." if trees else "",
        LETTERS_WORDS,
        sheet.chosen_words([record.strategy for record in records], divided) if len(records) < divided else "",
        truth_words(sheet.first),
        seed_words(records),
        sheet.median_words(),
    )
