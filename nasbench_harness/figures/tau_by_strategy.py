"""Tau of every strategy, over all architectures, beyond counting FLOPs, and among the best: each seed, the mean."""

from __future__ import annotations

from nasbench_harness.figures import rows, style
from nasbench_harness.figures.caption import Drawn, ceiling_words, interval_words, joined, seed_words, truth_words
from nasbench_harness.figures.sheet import Sheet
from nasbench_harness.records.summary import estimate, noise_ceiling

_WITHIN, _WITH, _TOP = "tau_within_flops", "tau_with_flops", "tau_in_true_top_10_percent"
_TITLES = {_WITHIN: "τ within FLOPs", _WITH: "τ with FLOPs", _TOP: "τ, true top 10 %"}
_COUNTS = ("flops", "live_flops")
_LEAST = 1.2
"""Inches of a panel with its share of the names."""


def draw(sheet: Sheet) -> Drawn:
    """Strategies from best (top) to worst mean tau; beside it, in the same order, what is left beyond counting FLOPs
    and tau in the true top 10 %.

    Lines: FLOPs, live FLOPs and the noise ceiling. A strategy without a tau stands last, marked.
    """
    order, page, titles = sheet.ranked(), sheet.page, _titles(sheet)
    across = len(titles) if page.panels(len(titles), _LEAST) == len(titles) else 2
    down = len(titles) // across
    figure = style.new_figure(page.text, down * rows.height(len(order), page, 3) + 2 * page.line)
    axes = figure.subplots(down, across, sharey=True, squeeze=False)
    for axis, (metric, title) in zip(axes.flat, titles.items(), strict=True):
        shown = rows.draw_metric(axis, sheet, order, metric)
        shown += rows.draw_references(axis, sheet.first, metric, _COUNTS)
        ceiling = noise_ceiling(sheet.first) if metric == "kendall_tau" else None
        if ceiling is not None:
            label = "noise ceiling" + (" (stand-in)" if "proxy_for" in ceiling else "")
            shown.append(float(ceiling["kendall_tau"]))
            rows.draw_reference(axis, shown[-1], label, color=style.GREY, linestyle="-")
        rows.set_limits(axis, shown, 5 if across == 2 else 3)
        axis.set_xlabel(title)
        axis.tick_params(axis="y", length=0)
    for axis in axes[:, 0]:
        rows.name_rows(axis, sheet, order)
    lines = axes[0, 0].get_legend_handles_labels()[0]
    style.legend_below(figure, [*lines, *rows.dot_handles(sheet.seed_counts)], page)
    return Drawn(figure, _caption(sheet))


def _titles(sheet: Sheet) -> dict[str, str]:
    """The panels, without those that a record of an earlier version has no numbers for."""
    older = any(record.lacks_added_metrics for record in sheet.run.records)
    shown = {metric: title for metric, title in _TITLES.items() if metric == _TOP or not older}
    return {"kendall_tau": f"τ by {sheet.signal_title}", **shown}


def _caption(sheet: Sheet) -> str:
    beyond = "among those of equal live FLOPs, of the sum of ranks by score and by live FLOPs, "
    records = sheet.run.records
    undefined = any(estimate(sheet.run.of(name), "kendall_tau", sheet.signal) is None for name in sheet.run.strategies)
    return joined(
        f"Kendall's τ between scores ({sheet.signal_title}) and truth: over all architectures, "
        f"{beyond if _WITHIN in _titles(sheet) else ''}and among the truly best 10 %.",
        _lines(sheet),
        "Undefined: constant scores." if undefined else "",
        truth_words(sheet.first),
        seed_words(records),
        interval_words(records),
        ceiling_words(sheet.first),
        "Controls are grey.",
    )


def _lines(sheet: Sheet) -> str:
    """What the lines of the panels after the first are, for the legend has the values of the first alone."""
    words = []
    for metric, title in list(_titles(sheet).items())[1:]:
        values = {name: sheet.first.references.get(name, {}).get(metric) for name in _COUNTS}
        found = [f"{style.title_of(name)} {style.number(value)}" for name, value in values.items() if value is not None]
        words += [f"{title}: {', '.join(found)}"] if found else []
    return f"Lines: {'; '.join(words)}." if words else ""
