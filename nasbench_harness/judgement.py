"""Judgement of a score file against a truth: files in, one JSON object out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nasbench_harness.errors import UsageError
from nasbench_harness.metrics import evaluate
from nasbench_harness.scorefile import align, read_scores, truth_from_column
from nasbench_harness.space import flops
from nasbench_harness.truth import TruthPolicy, noise_ceiling_of, open_table, proxy_ceiling_of, truth_of


def judge_file(
    source: Path,
    truth_file: Path | None,
    policy: str | None,
    truth_column: str | None,
    allow_missing: bool,
    resamples: int,
) -> dict[str, Any]:
    """Every score column of ``source`` evaluated, beside the FLOPs rankings and the truth's noise ceiling.

    The truth is column ``policy`` of ``truth_file`` (none: its first column), or ``truth_column`` of the score file.
    Raises ``UsageError`` when both are named, and the errors of reading either file.
    """
    scores = read_scores(source, allow_missing)
    ceiling = proxy = None
    if truth_column is not None:
        if policy is not None:
            raise UsageError("give either --truth-column (of the score file) or --policy (of the truth), not both")
        truth, scores = truth_from_column(scores, truth_column)
    else:
        table = open_table(truth_file)
        column = policy or next(iter(table.columns))
        truth = truth_of(table, column)
        parsed = TruthPolicy.parse(column)
        if parsed is not None:
            ceiling, proxy = noise_ceiling_of(table, parsed), proxy_ceiling_of(table, parsed)
        if truth_file is not None and column in scores.names and truth_file.resolve() == source.resolve():
            scores = scores.without(column)
    scores_SA, true_A, index_A = align(scores, truth)
    counts = {"flops": flops()[index_A], "live_flops": flops(live=True)[index_A]}
    return {
        "source": scores.source,
        "truth": {
            "table": truth.table,
            "sha256": truth.sha256,
            "policy": truth.policy,
            "n": truth.n,
            "best": truth.best,
            "noise_ceiling": ceiling,
            **({"noise_ceiling_proxy": proxy} if proxy else {}),
        },
        "scores": {
            name: evaluate(score_A, true_A, resamples=resamples).to_json()
            for name, score_A in zip(scores.names, scores_SA, strict=True)
        },
        "references": {name: evaluate(n_A, true_A, resamples=resamples).to_json() for name, n_A in counts.items()},
    }
