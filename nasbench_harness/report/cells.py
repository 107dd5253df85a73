"""The leaderboard as a table: its cells as text, the numbers behind them, and the notes one needs to read it."""

from __future__ import annotations

from collections.abc import Sequence

from nasbench_harness.records.summary import Estimate
from nasbench_harness.report.leaderboard import Leaderboard, Row
from nasbench_harness.report.notes import MISSING, ORDER, intervals, judged_by, measured, notes_of, words
from nasbench_harness.report.tables import Numbers, Table, Value
from nasbench_harness.report.taus import TITLES

__all__ = ["MISSING", "columns_of", "name_of", "notes_of", "number", "row_columns", "seeds_of", "table_of", "words"]

_TITLES = {
    "kendall_tau": (TITLES["kendall_tau"], "tau", 3, ""),
    "tau_within_flops": (TITLES["tau_within_flops"], "tau_within_flops", 3, ""),
    "tau_with_flops": (TITLES["tau_with_flops"], "tau_with_flops", 3, ""),
    "convolution_bias": ("conv. bias", "convolution_bias", 3, ""),
    "tau_in_true_top_10_percent": ("tau top 10 %", "tau_top_10_percent", 3, ""),
    "spearman": ("Spearman", "spearman", 3, ""),
    "precision_at.0.05": ("P@5 %", "precision_at_5_percent", 3, ""),
    "best_rank_at.10": ("best rank@10", "best_rank_at_10", 0, ""),
    "top_k_accuracy.10": ("top-10 acc. %", "top_10_accuracy_percent", 2, "%"),
    "regret_at.10": ("regret@10", "regret_at_10_points", 2, "points of accuracy"),
    "tau_in_predicted_top_10_percent": ("tau predicted top 10 %", "tau_predicted_top_10_percent", 3, ""),
    "worst_rank_at.10": ("worst rank@10", "worst_rank_at_10", 0, ""),
    "precision_at_worst.0.05": ("P@worst 5 %", "precision_at_worst_5_percent", 3, ""),
    "pairwise_accuracy.1": ("pairs > 1 point", "pairwise_accuracy_above_1_point", 3, ""),
}
"""Title, name, digits and unit of each metric."""
_COSTS = {
    "architecture_updates": ("updates", "updates", ""),
    "seconds": ("time", "time_s", "s"),
    "peak_memory_mb": ("memory", "memory_mb", "MB"),
}
_LOWER_IS_BETTER = {"convolution_bias", "best_rank_at.10", "worst_rank_at.10", "regret_at.10", *_COSTS}
# What a narrow terminal gives up first is last here.
_ORDER_OF_WORTH = (
    "tau_within_flops",
    "tau_with_flops",
    "parent",
    "tau_of_another_signal",
    "convolution_bias",
    "spearman",
    "tau_in_true_top_10_percent",
    "regret_at.10",
    "seconds",
    "top_k_accuracy.10",
    "architecture_updates",
    "precision_at.0.05",
    "best_rank_at.10",
    "peak_memory_mb",
    "tau_in_predicted_top_10_percent",
    "pairwise_accuracy.1",
    "precision_at_worst.0.05",
    "worst_rank_at.10",
)


def table_of(board: Leaderboard) -> Table:
    """A row a strategy, then the references; the numbers behind the cells, and what one needs to read them."""
    facts: dict[str, str | int | float | None] = {
        "experiment": board.experiment,
        "truth": board.truth_policy,
        "truth_table": board.truth_table,
        "architectures": board.n_architectures,
    }
    return Table(
        board.experiment,
        tuple(columns_of(board)),
        tuple(notes_of(board)),
        len(board.rows),
        facts,
        caption=" ".join([f"{board.experiment}:", measured(board), judged_by(board, ""), *intervals(board)]),
        order=ORDER,
    )


def columns_of(board: Leaderboard) -> list[Numbers]:
    """The table column by column, a cell a strategy, then a reference: taus, metrics of the row's signal, costs."""
    rows = [*board.rows, *board.references]
    columns = row_columns(rows)
    if any(row.place for row in board.rows):
        ranks: dict[str, tuple[Value, ...]] = {
            name: tuple(row.place.ranks[end] if row.place else None for row in rows)
            for end, name in enumerate(("rank_first", "rank_last"))
        }
        tiers = tuple(row.place.tier if row.place else None for row in rows)
        cells = tuple(_place(row) for row in rows)
        columns.append(
            Numbers("tier [ranks]", cells, 1, name="tier", values=tiers, digits=0, lower_is_better=True, more=ranks)
        )
    if board.parents_differ:
        shares = tuple(row.parent_fraction for row in rows)
        cells = tuple(map(_share, shares))
        columns.append(Numbers("parent", cells, _worth("parent"), name="parent_fraction", values=shares, digits=2))
    judged = {row.signal for row in board.rows if row.signal}
    if len(judged) > 1:
        columns.append(_metric("kendall_tau", "tau (headline) *", rows, 0))
    for signal in board.signals:
        own = judged == {signal}
        values = tuple(row.tau.get(signal) for row in rows)
        columns.append(
            Numbers(
                f"tau ({words(signal)})" + (" *" if own else ""),
                tuple(number(value, 3) for value in values),
                0 if own else _worth("tau_of_another_signal"),
                name="tau" if own else f"tau_{signal}",
                values=values,
            )
        )
    columns += [
        _metric(metric, title, rows, _worth(metric))
        for metric, (title, *_) in _TITLES.items()
        if metric != "kendall_tau"
    ]
    return columns + [_costs(cost, rows) for cost in _COSTS]


def row_columns(rows: Sequence[Row]) -> list[Numbers]:
    """Who a row is, and of how many seeds."""
    more: dict[str, tuple[Value, ...]] = {
        "kind": tuple("reference" if _is_reference(row) else "scores" if row.external else "strategy" for row in rows),
        "signal": tuple(row.signal for row in rows),
        "interval_over": tuple(_basis(row) for row in rows),
    }
    names = tuple(row.name for row in rows)
    seeds = tuple(None if _is_reference(row) else row.n_seeds for row in rows)
    return [
        Numbers("strategy", tuple(map(name_of, rows)), name="strategy", values=names, more=more),
        Numbers("seeds", tuple(map(seeds_of, rows)), name="seeds", values=seeds, digits=0),
    ]


def _basis(row: Row) -> str | None:
    tau = row.metrics["kendall_tau"]
    return None if tau is None or tau.basis == "none" else tau.basis


def _metric(metric: str, title: str, rows: Sequence[Row], worth: int) -> Numbers:
    _, name, digits, unit = _TITLES[metric]
    values = tuple(row.metrics.get(metric) for row in rows)
    cells = tuple(number(value, digits) for value in values)
    lower = metric in _LOWER_IS_BETTER
    return Numbers(title, cells, worth, name=name, values=values, digits=digits, unit=unit, lower_is_better=lower)


def _costs(cost: str, rows: Sequence[Row]) -> Numbers:
    title, name, unit = _COSTS[cost]
    values = tuple(row.costs.get(cost) for row in rows)
    cells = tuple(_cost(cost, row) for row in rows)
    return Numbers(title, cells, _worth(cost), name=name, values=values, digits=0, unit=unit, lower_is_better=True)


def _worth(name: str) -> int:
    return 2 + _ORDER_OF_WORTH.index(name)


def number(value: Estimate | None, digits: int) -> str:
    """``0.485 ± 0.012 [0.455, 0.515]``, with what is known."""
    if value is None:
        return MISSING
    text = f"{value.mean:.{digits}f}"
    if value.sd is not None:
        text += f" ± {value.sd:.{digits}f}"
    if value.interval is not None:
        low, high = value.interval
        text += f" [{low:.{digits}f}, {high:.{digits}f}]"
    return text


def name_of(row: Row) -> str:
    """The first cell of a row."""
    return {"flops": "FLOPs", "live_flops": "live FLOPs"}.get(row.name, row.name) + (
        " (reference)" if _is_reference(row) else ""
    )


def seeds_of(row: Row) -> str:
    """How many seeds a row is from; one of them is marked."""
    return MISSING if _is_reference(row) else f"{row.n_seeds}" + (" †" if row.n_seeds == 1 else "")


def _place(row: Row) -> str:
    if row.place is None:
        return MISSING
    first, last = row.place.ranks
    return f"{row.place.tier} [{first}, {last}]"


def _share(value: float | None) -> str:
    return MISSING if value is None else f"{100 * value:.3g} %"


def _is_reference(row: Row) -> bool:
    return row.n_seeds == 0


def _cost(name: str, row: Row) -> str:
    cost = row.costs.get(name)
    if cost is None:
        return MISSING
    mean = cost.mean
    if name == "architecture_updates":
        return _si(mean)
    if name == "seconds":
        return f"{mean:.0f} s" if mean < 600 else f"{mean / 60:.0f} min" if mean < 36000 else f"{mean / 3600:.1f} h"
    return f"{mean:.0f} MB"


def _si(value: float) -> str:
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.0f}"
