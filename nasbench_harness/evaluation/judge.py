"""Judgement of a score file against a truth; one JSON object out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nasbench_harness.errors import UsageError
from nasbench_harness.evaluation.columns import judge_column, references
from nasbench_harness.evaluation.score_files import ScoreFile, align, read_score_file, truth_from_column
from nasbench_harness.metrics.report import RESAMPLES
from nasbench_harness.records import image_set_of
from nasbench_harness.truth import (
    Truth,
    TruthPolicy,
    TruthTable,
    judging_table,
    noise_ceiling_of,
    proxy_ceiling_of,
    truth_of,
)


def judge_file(
    source: Path | str,
    truth_file: Path | str | None,
    policy: str | None,
    truth_column: str | None,
    allow_missing: bool,
    resamples: int,
) -> dict[str, Any]:
    """Every score column of ``source`` evaluated, beside the FLOPs rankings and the truth's noise ceiling.

    The truth is column ``policy`` of ``truth_file`` (none: its first column), or ``truth_column`` of the score file.
    Without either it is the embedded table, for the scores of a record on its images or a policy of its own. Raises
    ``UsageError`` when no truth is named for other scores, or two are, and the errors of reading either file.
    """
    source = Path(source)
    scores = read_score_file(source, allow_missing)
    table = None
    if truth_column is not None:
        if policy is not None:
            raise UsageError("give either --truth-column (of the score file) or --policy (of the truth), not both")
        truth, scores = truth_from_column(scores, truth_column)
    else:
        table = judging_table(truth_file, policy, [image_set_of(source)])
        column = policy or next(iter(table.columns))
        truth = truth_of(table, column)
        if truth_file is not None and column in scores.names and Path(truth_file).resolve() == source.resolve():
            scores = scores.without(column)
    return judge_scores(scores, truth, table, resamples)


def judge_scores(
    scores: ScoreFile, truth: Truth, table: TruthTable | None, resamples: int = RESAMPLES
) -> dict[str, Any]:
    """Every score column evaluated against ``truth``, beside the FLOPs rankings and the noise ceiling.

    ``table``: where the truth comes from; None: unknown, and so is the ceiling. Raises ``DataError`` when scores and
    truth share fewer than two architectures.
    """
    policy = TruthPolicy.parse(truth.policy) if table is not None else None
    ceiling = noise_ceiling_of(table, policy) if table is not None and policy is not None else None
    proxy = proxy_ceiling_of(table, policy) if table is not None and policy is not None else None
    scores_SA, true_A, index_A = align(scores, truth)
    return {
        "source": scores.source,
        "truth": {
            **truth.to_json(),
            "noise_ceiling": ceiling,
            **({"noise_ceiling_proxy": proxy} if proxy else {}),
        },
        "scores": {
            name: judge_column(score_A, true_A, index_A, resamples)
            for name, score_A in zip(scores.names, scores_SA, strict=True)
        },
        "references": references(index_A, true_A, resamples),
    }
