"""Stored scores judged again, without training: by another truth, or by metrics that did not exist then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.evaluation.comparing import compared
from nasbench_harness.evaluation.unit import analyse, judge_unit
from nasbench_harness.experiment.reported import reported
from nasbench_harness.metrics.report import RESAMPLES
from nasbench_harness.records import Record, Run, ScoreTable, read_scores, unit_dir
from nasbench_harness.records.store import replace_record
from nasbench_harness.truth import Truth, TruthPolicy, TruthTable, noise_ceiling_of, proxy_ceiling_of, truth_of


def rejudge(run: Run, table: TruthTable, policy: str, resamples: int = RESAMPLES, for_table: bool = False) -> Run:
    """The run with every record judged again by column ``policy`` of ``table``; nothing is written.

    ``resamples``: behind the intervals over architectures; 0: none, which takes a fraction of the time. ``for_table``:
    only where a leaderboard shows them, which is for references and for strategies of a single seed.

    What was run, what it cost and its identity stay; by another truth a record loses its trajectory, whose points have
    no stored scores. Raises ``DataError`` for an unknown column or damaged scores.
    """
    truth, ceiling = truth_of(table, policy), _ceiling(table, policy)
    draws = {strategy: 0 if for_table and len(run.of(strategy)) > 1 else resamples for strategy in run.strategies}
    records = (
        _judged(record, _scores(run, record), truth, ceiling, draws[record.strategy], resamples)
        for record in run.records
    )
    return replace(run, records=tuple(records))


def rejudge_by_each(run: Run, table: TruthTable, policies: Sequence[str], for_table: bool = False) -> dict[str, Run]:
    """``rejudge`` by several columns, in their order; ``UsageError`` where none or one of them twice is named."""
    if not policies or len(set(policies)) < len(policies):
        raise UsageError(f"name each policy once, found {', '.join(policies) or 'none'}")
    for policy in policies:
        truth_of(table, policy)  # before minutes are spent on the others
    return {policy: rejudge(run, table, policy, for_table=for_table) for policy in policies}


def update_records(run: Run, table: TruthTable) -> list[Path]:
    """Store the records of an earlier version with the metrics that were added since; the paths of those written.

    Each is judged by its own truth. All are judged and compared with what was stored before the first is written:
    ``DataError`` when ``table`` is another one, or a number differs. Intervals are those of today.
    """
    updated = []
    for record in run.records:
        if not record.lacks_added_metrics:
            continue
        again = rejudge(replace(run, records=(record,)), table, record.truth["policy"]).records[0]
        where = f"{record.strategy}, seed {record.seed}"
        if again.truth["sha256"] != record.truth["sha256"]:
            raise DataError(f"{where}: table {table.name} is not the one that it was judged by; name that one")
        kept = replace(again, truth=record.truth)
        for one in compared(record.to_json(), kept.to_json()):
            if not one.agrees:
                raise DataError(f"{where}: {one.place} is not what its stored scores give; run the unit again")
        updated.append((unit_dir(run.folder, record.strategy, record.seed), kept))
    return [replace_record(unit, record) for unit, record in updated]


def _judged(
    record: Record,
    scores: ScoreTable,
    truth: Truth,
    ceiling: dict[str, Any] | None,
    resamples: int,
    of_references: int,
) -> Record:
    ranked = record.analysis["ranked"]
    same = (truth.policy, truth.sha256) == (record.truth["policy"], record.truth["sha256"])
    by_strategy = reported(record, truth.vector)
    if by_strategy is None:  # what it said by another truth would be wrong by this one
        by_strategy = record.analysis["strategy"] if same else {}
    names, leaves = [leaf["name"] for leaf in record.leaves], None if ranked is None else list(ranked["leaves"])
    return replace(
        record,
        **judge_unit(scores, truth, resamples, of_references),
        training=record.training if same else _without_trajectory(record.training),
        truth={**truth.among(scores.index).to_json(), "noise_ceiling": ceiling},
        analysis=analyse(scores, truth, names, leaves, by_strategy, resamples),
    )


def _without_trajectory(training: dict[str, Any]) -> dict[str, Any]:
    """The scores of its points are not stored, so what it says holds for the truth that it was judged by alone."""
    return {name: value for name, value in training.items() if name != "trajectory"}


def _scores(run: Run, record: Record) -> ScoreTable:
    return read_scores(run.unit_dir(record.strategy, record.seed))


def _ceiling(table: TruthTable, column: str) -> dict[str, Any] | None:
    policy = TruthPolicy.parse(column)
    return None if policy is None else noise_ceiling_of(table, policy) or proxy_ceiling_of(table, policy)
