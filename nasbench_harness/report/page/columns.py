"""The leaderboard's columns on the page: what a row shows, what it sorts by, and what the heading means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nasbench_harness.records.summary import Estimate
from nasbench_harness.report.leaderboard import Leaderboard, Row
from nasbench_harness.report.notes import MISSING, words
from nasbench_harness.report.taus import MEANINGS


@dataclass(frozen=True)
class Cell:
    """``text`` with a second line ``below``; ``value`` is what it sorts by, None comes last."""

    text: str
    value: float | str | None
    below: str = ""


@dataclass(frozen=True)
class Column:
    """``key``: what it sorts by. ``rank``: 0 stands on a phone too, 1 on wide screens, 2 on request."""

    key: str
    title: str
    meaning: str
    rank: int
    cell: Callable[[Row], Cell]
    rising: bool = False
    """Whether the lowest value is the best."""


def columns(board: Leaderboard) -> list[Column]:
    """The columns after name and plot, in their order."""
    found = [
        _metric("kendall_tau", "tau", "Kendall's tau-b of scores and truth", 0, 3),
        _metric("tau_within_flops", "within", MEANINGS["tau_within_flops"], 0, 3),
        _metric("tau_with_flops", "with", MEANINGS["tau_with_flops"], 1, 3),
        _metric(
            "convolution_bias",
            "conv. bias",
            "how far numbers of convolutions are rated above or below their worth, in parts of the ranks",
            2,
            3,
            rising=True,
        ),
        _metric("tau_in_true_top_10_percent", "top 10 %", "tau among the truly best tenth", 1, 3),
        _metric(
            "regret_at.10",
            "regret@10",
            "best accuracy of all less the best of the 10 highest scores, points",
            1,
            2,
            rising=True,
        ),
        _cost("seconds", "time", "training and scoring of a unit, mean over seeds", 1, _duration),
        *(
            Column(
                f"tau.{signal}", f"tau ({words(signal)})", f"tau by the score {words(signal)}", 2, _of_signal(signal)
            )
            for signal in board.signals
            if {row.signal for row in board.rows} != {signal}
        ),
        _metric("spearman", "Spearman", "Spearman's rank correlation of scores and truth", 2, 3),
        _metric("precision_at.0.05", "P@5 %", "share of the truly best twentieth among the highest twentieth", 2, 3),
        _metric("best_rank_at.10", "rank@10", "best true rank among the 10 highest scores", 2, 0, rising=True),
        _metric("top_k_accuracy.10", "acc.@10", "best true accuracy among the 10 highest scores, percent", 2, 2),
        _metric("tau_in_predicted_top_10_percent", "predicted 10 %", "tau among the highest tenth by score", 2, 3),
        _metric("worst_rank_at.10", "worst@10", "worst true rank among the 10 highest scores", 2, 0, rising=True),
        _metric(
            "precision_at_worst.0.05",
            "P@worst 5 %",
            "share of the lowest twentieth by score that is no better than the border of the truly worst",
            2,
            3,
        ),
        _metric(
            "pairwise_accuracy.1",
            "pairs > 1",
            "share of the pairs whose truths differ by more than 1 point that are ordered rightly",
            2,
            3,
        ),
        _cost("architecture_updates", "updates", "architecture-updates: what training spent", 2, _si),
        _cost("peak_memory_mb", "memory", "peak memory of a unit", 2, lambda value: f"{value:,.0f} MB"),
    ]
    if any(row.place for row in board.rows):
        found.insert(
            1, Column("tier", "tier", "1: not to be told from the best by its seeds; and so on", 1, _tier, True)
        )
    return found


def _metric(name: str, title: str, meaning: str, rank: int, digits: int, rising: bool = False) -> Column:
    return Column(name, title, meaning, rank, lambda row: _estimate(row.metrics.get(name), digits), rising)


def _of_signal(signal: str) -> Callable[[Row], Cell]:
    return lambda row: _estimate(row.tau.get(signal), 3)


def _cost(name: str, title: str, meaning: str, rank: int, show: Callable[[float], str]) -> Column:
    def cell(row: Row) -> Cell:
        found = row.costs.get(name)
        return Cell(MISSING, None) if found is None else Cell(show(found.mean), found.mean)

    return Column(name, title, meaning, rank, cell, True)


def _tier(row: Row) -> Cell:
    if row.place is None:
        return Cell(MISSING, None)
    first, last = row.place.ranks
    return Cell(str(row.place.tier), row.place.tier, f"ranks {first}-{last}" if first < last else f"rank {first}")


def _estimate(found: Estimate | None, digits: int) -> Cell:
    if found is None:
        return Cell(MISSING, None)
    text = f"{found.mean:.{digits}f}" + ("" if found.sd is None else f" ± {found.sd:.{digits}f}")
    if found.interval is None:
        return Cell(text, found.mean)
    low, high = found.interval
    return Cell(text, found.mean, f"{low:.{digits}f} to {high:.{digits}f}")


def _duration(seconds: float) -> str:
    if seconds < 600:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 36000 else f"{seconds / 3600:.1f} h"


def _si(value: float) -> str:
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.0f}"
