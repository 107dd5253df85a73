"""Tau of every strategy, over all architectures and among the best: a dot a seed, the mean with its interval."""

from __future__ import annotations

from nasbench_harness.figures import rows, style
from nasbench_harness.figures.caption import Drawn, ceiling_words, interval_words, joined, seed_words, truth_words
from nasbench_harness.figures.sheet import Sheet
from nasbench_harness.records.summary import noise_ceiling

_TOP = "tau_in_true_top_10_percent"


def draw(sheet: Sheet) -> Drawn:
    """Strategies from best (top) to worst mean tau; beside it tau in the true top 10 %, in the same order.

    Lines: FLOPs, live FLOPs and the noise ceiling. A strategy without a tau stands last, marked.
    """
    order, page = sheet.ranked(), sheet.page
    figure = style.new_figure(page.text, rows.height(len(order), page, 5))
    left, right = figure.subplots(ncols=2, sharey=True)
    for axis, metric in ((left, "kendall_tau"), (right, _TOP)):
        shown = rows.draw_metric(axis, sheet, order, metric)
        shown += rows.draw_references(axis, sheet.first, metric, ("flops", "live_flops"))
        ceiling = noise_ceiling(sheet.first) if axis is left else None
        if ceiling is not None:
            title = "noise ceiling" + (" (stand-in)" if "proxy_for" in ceiling else "")
            shown.append(float(ceiling["kendall_tau"]))
            rows.draw_reference(axis, shown[-1], title, color=style.GREY, linestyle="-")
        rows.set_limits(axis, shown)
    rows.name_rows(left, sheet, order)
    right.tick_params(axis="y", length=0)
    left.set_xlabel(f"τ by {sheet.signal_title}")
    right.set_xlabel("τ, true top 10 %")
    lines = left.get_legend_handles_labels()[0]
    style.legend_below(figure, [*lines, *rows.dot_handles(sheet.seed_counts)], page)
    return Drawn(figure, _caption(sheet))


def _caption(sheet: Sheet) -> str:
    inside = [
        sheet.first.references[name].get(_TOP) for name in ("flops", "live_flops") if name in sheet.first.references
    ]
    found = " and ".join(f"{value:.2f}" for value in inside if value is not None)
    return joined(
        f"Kendall's τ between scores ({sheet.signal_title}) and truth: over all architectures (left) and among the "
        "truly best 10 % (right).",
        f"Lines at the right: FLOPs and live FLOPs among the same architectures ({found})." if found else "",
        truth_words(sheet.first),
        seed_words(sheet.run.records),
        interval_words(sheet.run.records),
        ceiling_words(sheet.first),
        "Controls are grey.",
    )
