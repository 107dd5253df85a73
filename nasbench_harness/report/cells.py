"""The leaderboard as text cells, shared by the terminal and Markdown."""

from __future__ import annotations

from typing import Any

from nasbench_harness.records.machines import machine_note
from nasbench_harness.records.summary import Estimate
from nasbench_harness.report.leaderboard import Headline, Leaderboard, Row
from nasbench_harness.report.tables import Column

MISSING = "-"
_TITLES = {
    "kendall_tau": ("tau", 3),
    "tau_within_flops": ("within FLOPs", 3),
    "tau_with_flops": ("with FLOPs", 3),
    "tau_in_true_top_10_percent": ("tau top 10 %", 3),
    "spearman": ("Spearman", 3),
    "precision_at.0.05": ("P@5 %", 3),
    "best_rank_at.10": ("best rank@10", 0),
    "top_k_accuracy.10": ("top-10 acc. %", 2),
    "regret_at.10": ("regret@10", 2),
}
# What a narrow terminal gives up first is last here.
_ORDER_OF_WORTH = (
    "tau_within_flops",
    "tau_with_flops",
    "parent",
    "tau_of_another_signal",
    "spearman",
    "tau_in_true_top_10_percent",
    "regret_at.10",
    "seconds",
    "top_k_accuracy.10",
    "architecture_updates",
    "precision_at.0.05",
    "best_rank_at.10",
    "peak_memory_mb",
)


def columns_of(board: Leaderboard) -> list[Column]:
    """The table column by column, a cell a strategy, then a reference: taus, metrics of the row's signal, costs."""
    rows = [*board.rows, *board.references]
    columns = [
        Column("strategy", tuple(name_of(row) for row in rows), 0),
        Column("seeds", tuple(seeds_of(row) for row in rows), 0),
    ]
    if any(row.place for row in board.rows):
        columns.append(Column("tier [ranks]", tuple(_place(row) for row in rows), 1))
    if board.parents_differ:
        columns.append(Column("parent", tuple(_share(row.parent_fraction) for row in rows), _worth("parent")))
    judged = {row.signal for row in board.rows}
    for signal in board.signals:
        title = f"tau ({words(signal)})" + (" *" if signal in judged else "")
        cells = tuple(number(row.tau.get(signal), 3) for row in rows)
        columns.append(Column(title, cells, 0 if signal in judged else _worth("tau_of_another_signal")))
    for metric, (title, digits) in _TITLES.items():
        if metric != "kendall_tau":
            cells = tuple(number(row.metrics.get(metric), digits) for row in rows)
            columns.append(Column(title, cells, _worth(metric)))
    for cost, title in (("architecture_updates", "updates"), ("seconds", "time"), ("peak_memory_mb", "memory")):
        cells = tuple(_cost(cost, row) for row in rows)
        columns.append(Column(title, cells, _worth(cost)))
    return columns


def _worth(name: str) -> int:
    return 2 + _ORDER_OF_WORTH.index(name)


def notes_of(board: Leaderboard) -> list[str]:
    """What a reader has to know to read the numbers: one sentence a line."""
    judged = sorted({words(row.signal) for row in board.rows if row.signal})
    by = judged[0] if len(judged) == 1 else "each record's headline signal"
    notes = [
        f"{board.n_architectures:,} architectures{_drawn(board)}; truth {board.truth_policy} of {board.truth_table}, "
        f"best {board.best_accuracy:.2f} %.",
        f"* marks the headline signal; sorted by its tau, and all but the tau columns are by {by}.",
    ]
    notes += _beyond_count(board)
    bases = {value.basis for row in board.rows for value in row.metrics.values() if value is not None}
    if "seeds" in bases:
        notes.append("mean ± sd [95 % t-interval of the mean over seeds].")
        if board.sample is not None:
            notes.append("all seeds rank the same sample: what another sample would change is not in these intervals.")
    notes += _differences(board)
    if "architectures" in bases or board.references:
        which = "† one seed, and references: " if any(row.n_seeds == 1 for row in board.rows) else "references: "
        notes.append(f"{which}value [95 % bootstrap interval over architectures]; it says nothing about other seeds.")
    if any(row.metrics["kendall_tau"] is None for row in board.rows):
        notes.append(f"{MISSING} undefined: constant scores have no rank correlation.")
    if board.parents_differ:
        notes.append(
            "parent: share of the budget that first trains a common parent; strategies with unequal shares differ in "
            "more than their partition."
        )
    notes += [_headline(one) for one in board.headlines]
    notes.append(_ceiling(board.noise_ceiling))
    if any(row.external for row in board.rows):
        notes.append("(scores): from a score file; how the scores were obtained, and at what cost, is not known here.")
    if warning := machine_note(board.machines):
        notes.append(warning)
    return notes


def _differences(board: Leaderboard) -> list[str]:
    """What may be called a difference between the rows."""
    if any(row.place for row in board.rows):
        return [
            "tier: its best strategy and those whose tau cannot be told from it (t-tests over seeds, 5 %, Holm over "
            "all pairs); [first and last rank that the tests leave open]."
        ]
    if len(board.rows) > 1 and all(row.n_seeds == 1 for row in board.rows):
        return ["one seed: no differences can be called."]
    return []


def _beyond_count(board: Leaderboard) -> list[str]:
    """What the two taus beside tau mean, and who lacks them."""
    notes = []
    if board.flops_groups is not None:
        n, groups = board.flops_groups["n"], board.flops_groups["groups"]
        notes.append(
            f"within FLOPs: tau among architectures of equal live FLOPs ({groups} groups, {n:,} architectures), where "
            f"the count itself orders nothing ({MISSING}); with FLOPs: tau of the sum of ranks by score and by count."
        )
    if board.judged_before:
        some = board.judged_before[0] + (" and others" if len(board.judged_before) > 1 else "")
        notes.append(
            f"{MISSING} in some columns: the records of {some} are of an earlier version; to judge their stored scores "
            f"again, give --policy {board.truth_policy} (and --truth TABLE)."
        )
    return notes


def _headline(one: Headline) -> str:
    tau = "" if one.kendall_tau is None else f"; tau of its own ranking ({words(one.signal)}) {one.kendall_tau:.3f}"
    return f"{one.strategy}, seed {one.seed}: {one.text}{tau}."


def _drawn(board: Leaderboard) -> str:
    if board.sample is None:
        return ""
    return f" (a sample of {board.sample:,}, stratified by multiply-adds on live edges)"


def _ceiling(ceiling: dict[str, Any] | None) -> str:
    if ceiling is None:
        return "noise ceiling: unknown, the table has one measurement only."
    kind = f", {ceiling['kind']}" if "kind" in ceiling else ""
    text = f"noise ceiling (tau between two measurements of the truth{kind}): {ceiling['kendall_tau']:.3f}"
    if "proxy_for" in ceiling:
        text += f"; a stand-in, measured on {ceiling['first']} and {ceiling['second']}"
    return text + "."


def words(signal: str) -> str:
    """A signal's name in words, short."""
    return {"negative_loss": "neg. loss"}.get(signal, signal.replace("_", " "))


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
