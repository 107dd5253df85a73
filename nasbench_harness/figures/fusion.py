"""What a ranking adds to a count: tau among architectures of equal live FLOPs, and of the ranks summed with them."""

from __future__ import annotations

from nasbench_harness.figures import rows, style
from nasbench_harness.figures.caption import CannotDrawError, Drawn, interval_words, joined, seed_words, truth_words
from nasbench_harness.figures.sheet import Sheet
from nasbench_harness.records.summary import estimate


def draw(sheet: Sheet) -> Drawn:
    """Strategies in the order of tau: tau within equal live FLOPs, and tau alone joined to tau fused with live FLOPs.

    Raises ``CannotDrawError`` for records of an earlier version, which have neither.
    """
    if any(record.lacks_added_metrics for record in sheet.run.records):
        policy = sheet.first.truth["policy"]
        raise CannotDrawError(f"records of an earlier version have no fusion; give --policy {policy} and --truth")
    order, page = sheet.ranked(), sheet.page
    figure = style.new_figure(page.text, rows.height(len(order), page, 5))
    left, right = figure.subplots(ncols=2, sharey=True)
    within = rows.draw_metric(left, sheet, order, "tau_within_flops")
    left.axvline(0, color=style.GREY, linewidth=0.6, zorder=1)
    rows.set_limits(left, [*within, 0.0])
    shown = rows.draw_metric(right, sheet, order, "tau_with_flops")
    for place, name in enumerate(order):
        alone = estimate(sheet.run.of(name), "kendall_tau", sheet.signal)
        fused = estimate(sheet.run.of(name), "tau_with_flops", sheet.signal)
        if alone is None or fused is None:
            continue
        colour = sheet.marks[name].colour
        right.plot([alone.mean, fused.mean], [place] * 2, color=colour, linewidth=0.7, alpha=0.6, zorder=1)
        right.plot(alone.mean, place, "x", color=colour, markersize=3.5, mew=1)
        shown.append(alone.mean)
    shown += rows.draw_references(right, sheet.first, "tau_with_flops", ("live_flops",))
    rows.set_limits(right, shown)
    rows.name_rows(left, sheet, order)
    right.tick_params(axis="y", length=0)
    left.set_xlabel("τ within equal live FLOPs")
    right.set_xlabel("τ fused with live FLOPs")
    style.legend_below(
        figure, [*right.get_legend_handles_labels()[0], _cross(), *rows.dot_handles(sheet.seed_counts)], page
    )
    return Drawn(figure, _caption(sheet))


def _cross() -> object:
    from matplotlib.lines import Line2D

    return Line2D([], [], color=style.GREY, linestyle="", marker="x", markersize=3.5, mew=1, label="τ alone")


def _caption(sheet: Sheet) -> str:
    return joined(
        f"What scores by {sheet.signal_title} add to a count. Left: τ among architectures of equal FLOPs on live "
        "edges, where the count says nothing (0: no more than the count). Right: τ of the sum of ranks with live "
        "FLOPs, beside τ of the scores alone (cross); right of the dotted line the scores add to the count. Strategies "
        "are in the order of τ alone.",
        truth_words(sheet.first),
        seed_words(sheet.run.records),
        interval_words(sheet.run.records),
    )
