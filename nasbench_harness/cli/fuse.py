"""The verb ``fuse``: several rankings as one, and what each of them adds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from nasbench_harness.cli.options import Flag, Json, Policy, Resamples, TruthFile, items
from nasbench_harness.cli.output import emit, note


def fuse(
    *scores: str,
    truth: TruthFile = None,
    policy: Policy = None,
    rule: str = "rank-sum",
    predictors: Annotated[Path | None, Parameter(show_default=False)] = None,
    known: str = "10,50,100",
    draws: int = 20,
    seed: int = 0,
    allow_missing: Flag = False,
    resamples: Resamples = 1000,
    out: Path | None = None,
    json: Json = False,
) -> None:
    """Combine rankings without labels and judge the fusion: tau-b, within and with FLOPs, what each member adds.

    A stacking that is fitted on known architectures stands apart, marked as supervised.

    Parameters
    ----------
    scores
        Members: a score file or the folder of a finished unit (``:COLUMN,COLUMN`` chooses columns; none: each is a
        member), ``live_flops``, ``flops``, ``parameters``, ``nonlinearity_count``, or a predictor with stored scores.
        ``:2`` at the end is a weight.
    rule
        ``rank-sum``, ``rank-product``, ``rank-median`` or ``normal-scores``: the one that is stored and taken apart;
        all are judged.
    predictors
        Folder of stored scores of predictors (``predict --out``); none: ``results/predictors``.
    known
        Numbers of known architectures of the supervised stacking; ``none``: no stacking.
    draws
        Random draws of the known architectures.
    seed
        Seed of resamples and draws.
    allow_missing
        Accept members that do not score every architecture, if all score the same ones.
    out
        File for the fused scores (.csv, .json or .parquet), which ``score`` reads.
    """
    from nasbench_harness.data.truths import path_for
    from nasbench_harness.errors import UsageError
    from nasbench_harness.evaluation.fusion import FusionSettings
    from nasbench_harness.evaluation.fusion import fuse as fuse_members
    from nasbench_harness.evaluation.members import PREDICTORS, images_of, members_of
    from nasbench_harness.evaluation.score_files import check_score_path, write_score_file
    from nasbench_harness.report.fusion import print_fusion
    from nasbench_harness.truth import judging_table, truth_of

    try:
        numbers = () if known == "none" else tuple(int(number) for number in items(known))
    except ValueError as error:
        raise UsageError(f"--known lists whole numbers, such as 10,50,100, or is none; found {known!r}") from error
    settings = FusionSettings(rule, resamples, numbers, draws, seed)
    if out is not None:
        check_score_path(out)
    members = members_of(scores, predictors or PREDICTORS, allow_missing)
    table = judging_table(path_for(policy, truth), policy, images_of(members))
    fused, result = fuse_members(members, truth_of(table, policy or next(iter(table.columns))), settings)
    if out is not None:
        write_score_file(fused, out)
        note(f"fused scores in {out}")
    emit(result, json, lambda console: print_fusion(result, console))
