"""The verb ``score``: scores from anywhere, judged by a truth."""

from __future__ import annotations

from pathlib import Path

from nasbench_harness.cli.options import Flag, Json, Policy, Resamples, TruthFile
from nasbench_harness.cli.output import emit


def score(
    scores: Path,
    /,
    *,
    truth: TruthFile = None,
    policy: Policy = None,
    truth_column: str | None = None,
    allow_missing: Flag = False,
    resamples: Resamples = 1000,
    json: Json = False,
) -> None:
    """Judge scores from anywhere against a truth: tau-b, tau within and with live FLOPs, top-k and more.

    Parameters
    ----------
    scores
        CSV with ``arch`` or the benchmark's ``index`` and score columns, JSON {architecture: score}, or scores.parquet.
    truth_column
        Column of the score file itself to take as the truth.
    allow_missing
        Accept a file that does not score every architecture; n then says how many it does.
    """
    from nasbench_harness.data.truths import path_for
    from nasbench_harness.evaluation.judge import judge_file
    from nasbench_harness.report.judgement import print_judgement

    table = truth if truth_column is not None else path_for(policy, truth)
    result = judge_file(scores, table, policy, truth_column, allow_missing, resamples)
    emit(result, json, lambda console: print_judgement(result, console))
