"""What a reader has to know to read the numbers of a leaderboard."""

from __future__ import annotations

from typing import Any

from nasbench_harness.records.machines import machine_note
from nasbench_harness.report.leaderboard import Headline, Leaderboard, Row

MISSING = "-"
ORDER = "sorted by its tau"
"""How a note says that the rows are in their usual order."""
_HEADLINES = 2
"""Seeds of a strategy that are all told of."""


def notes_of(board: Leaderboard) -> list[str]:
    """What a reader has to know to read the numbers: one sentence a line."""
    notes = [measured(board), judged_by(board, f"{ORDER}, and ")]
    notes += _beyond_count(board)
    notes += intervals(board)
    if any(row.metrics["kendall_tau"] is None for row in board.rows):
        notes.append(f"{MISSING} undefined: constant scores have no rank correlation.")
    if board.parents_differ:
        notes.append(
            "parent: share of the budget that first trains a common parent; strategies with unequal shares differ in "
            "more than their partition."
        )
    notes += _headlines(board)
    notes.append(_ceiling(board.noise_ceiling))
    if any(row.external for row in board.rows):
        notes.append("(scores): from a score file; how the scores were obtained, and at what cost, is not known here.")
    if warning := machine_note(board.machines):
        notes.append(warning)
    return notes


def measured(board: Leaderboard) -> str:
    return (
        f"{board.n_architectures:,} architectures{_drawn(board)}; truth {board.truth_policy} of {board.truth_table}, "
        f"best {board.best_accuracy:.2f} %."
    )


def judged_by(board: Leaderboard, order: str) -> str:
    judged = sorted({words(row.signal) for row in board.rows if row.signal})
    by = judged[0] if len(judged) == 1 else "each record's headline signal"
    return f"* marks the headline signal; {order}all but the tau columns are by {by}."


def intervals(board: Leaderboard) -> list[str]:
    """What the intervals span, and what may be called a difference."""
    notes = []
    bases = {value.basis for row in board.rows for value in row.metrics.values() if value is not None}
    if "seeds" in bases:
        shown = _which_seeds([row for row in board.rows if row.n_seeds > 1 and not row.external])
        notes.append(f"mean ± sd [95 % t-interval of the mean over seeds{shown}].")
        if board.sample is not None:
            size = "; brackets of the references are of its size" if board.references else ""
            notes.append(
                f"all seeds rank the same sample: what another sample would change is not in these intervals{size}."
            )
    notes += _differences(board)
    if "architectures" in bases or board.references:
        alone = [row for row in board.rows if row.n_seeds == 1]
        shown = _which_seeds([row for row in alone if not row.external])
        which = f"† one seed{shown}, and references: " if alone else "references: "
        notes.append(f"{which}value [95 % bootstrap interval over architectures]; it says nothing about other seeds.")
    return notes


def _which_seeds(rows: list[Row]) -> str:
    """`` (0)``, or `` 0 to 9``; empty where the rows are of different ones, which JSON lists."""
    found = {tuple(sorted(row.seeds)) for row in rows}
    if len(found) != 1:
        return ""
    [seeds] = found
    if len(seeds) == 1:
        return f" ({seeds[0]})"
    if len(seeds) > 2 and seeds == tuple(range(seeds[0], seeds[-1] + 1)):
        return f" {seeds[0]} to {seeds[-1]}"
    return f" {', '.join(map(str, seeds))}"


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
    if any(row.metrics["convolution_bias"] is not None for row in board.rows):
        notes.append(
            "conv. bias: how far numbers of live convolutions are rated above or below their worth (root mean square, "
            "in parts of the ranks); what tau loses by it a count can give back."
        )
    if board.judged_before:
        some = board.judged_before[0] + (" and others" if len(board.judged_before) > 1 else "")
        notes.append(
            f"{MISSING} in some columns: the records of {some} are of an earlier version; to judge their stored scores "
            f"again, give --policy {board.truth_policy} (and --truth TABLE)."
        )
    return notes


def _headlines(board: Leaderboard) -> list[str]:
    """Each, or of a strategy with many seeds the first, for a table is no place for twenty architectures."""
    notes = []
    for name in dict.fromkeys(one.strategy for one in board.headlines):
        found = [one for one in board.headlines if one.strategy == name]
        shown = found if len(found) <= _HEADLINES else found[:1]
        notes += [_headline(one) for one in shown]
        if len(found) > len(shown):
            notes[-1] += f" Likewise for {len(found) - 1} more seeds: --json."
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
