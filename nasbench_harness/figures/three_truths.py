"""One ranking by several truths: whether what ranks CIFAR-10 well ranks CIFAR-100 and ImageNet16-120 too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nasbench_harness.errors import DataError
from nasbench_harness.figures import rows, style
from nasbench_harness.figures.caption import CannotDrawError, Drawn, joined, seed_words, truth_words
from nasbench_harness.figures.sheet import FloatArray, Sheet
from nasbench_harness.metrics.correlation import kendall_tau
from nasbench_harness.records import Record
from nasbench_harness.space import flops

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SETS = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "imagenet16_120": "ImageNet16-120"}
_LOOKS = (("o", "#08306b"), ("s", "#2f7fbc"), ("^", "#8fbfe0"))


def policies_beside(policy: str) -> dict[str, str]:
    """The columns for each of the three image sets that are measured as this one is, by the set's name in print.

    Empty for a policy that starts with none of them.
    """
    sets = [name for name in _SETS if policy.startswith(f"{name}_")]
    rest = policy.removeprefix(sets[0]) if sets else ""
    return {title: f"{name}{rest}" for name, title in _SETS.items()} if sets else {}


def draw(sheet: Sheet) -> Drawn:
    """A row a strategy, a mark a truth: mean tau over seeds, with each seed; live FLOPs in a row of their own.

    Raises ``CannotDrawError`` where fewer than two of the truths are at hand.
    """
    truths = _at_hand(sheet)
    order, page = sheet.ranked(), sheet.page
    figure = style.new_figure(page.text, rows.height(len(order) + 1, page, 4))
    axis = figure.subplots()
    shown = list[float]()
    for (title, truth_A), (marker, colour) in zip(truths.items(), _LOOKS, strict=False):
        label: Any = title
        for place, name in enumerate([*order, None]):
            taus = [_tau(sheet, r, truth_A) for r in sheet.run.of(name)] if name else [_flops_tau(sheet, truth_A)]
            if any(tau is None for tau in taus):
                continue
            value_S = np.array(taus, float)
            if value_S.size > 1:
                axis.plot(value_S, [place] * value_S.size, ".", color=colour, markersize=2.5, alpha=0.4, mew=0)
            axis.plot(value_S.mean(), place, marker, color=colour, markersize=4.5, mew=0, label=label, zorder=3)
            label = None
            shown.extend(value_S)
    _finish(axis, sheet, order, shown)
    style.legend_below(figure, axis.get_legend_handles_labels()[0], page)
    return Drawn(figure, _caption(sheet, list(truths)))


def _finish(axis: Axes, sheet: Sheet, order: list[str], shown: list[float]) -> None:
    rows.name_rows(axis, sheet, order)
    axis.set_yticks(range(len(order) + 1), [*(style.name_of(name) for name in order), "live FLOPs"])
    axis.set_ylim(len(order) + 0.6, -0.6)
    axis.axhline(len(order) - 0.5, color=style.GREY, linewidth=0.5)
    rows.set_limits(axis, shown)
    axis.set_xlabel(f"Kendall τ by {sheet.signal_title}")


def _at_hand(sheet: Sheet) -> dict[str, FloatArray]:
    """The truths by title, ``[15625]`` each; those that the table lacks are left out."""
    policy = str(sheet.first.truth["policy"])
    wanted = policies_beside(policy)
    if not wanted:
        raise CannotDrawError(f"the truth {policy} is of none of the image sets {', '.join(_SETS.values())}")
    found = {}
    for title, name in wanted.items():
        try:
            found[title] = sheet.truth_of(name)
        except DataError as error:
            if name == policy:
                raise CannotDrawError(str(error)) from error
    if len(found) < 2:
        raise CannotDrawError(f"the table has no truth beside {policy}, such as {', '.join(wanted.values())}")
    return found


def _tau(sheet: Sheet, record: Record, truth_A: FloatArray) -> float | None:
    return _known(sheet.score(record), truth_A[sheet.scores(record).index])


def _flops_tau(sheet: Sheet, truth_A: FloatArray) -> float | None:
    index_A = sheet.scores(sheet.first).index
    return _known(flops(live=True)[index_A].astype(np.float64), truth_A[index_A])


def _known(score_A: FloatArray, truth_A: FloatArray) -> float | None:
    known_A = ~np.isnan(truth_A)
    return kendall_tau(score_A[known_A], truth_A[known_A])


def _caption(sheet: Sheet, titles: list[str]) -> str:
    several = sheet.seeds_of(sheet.run.records) > 1
    return joined(
        f"Kendall's τ of the same scores ({sheet.signal_title}) with the accuracies on {', '.join(titles[:-1])} and "
        f"{titles[-1]}. The order is that of the truth by which the records were judged.",
        truth_words(sheet.first),
        seed_words(sheet.run.records),
        "Large marks are means over seeds, dots single seeds." if several else "",
    )
