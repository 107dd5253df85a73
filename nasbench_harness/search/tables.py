"""PAD-NAS from tables alone: what each stage removed and why, and what that cost, judged, as one result."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, product
from typing import Any

import numpy as np

from nasbench_harness.metrics import kendall_tau
from nasbench_harness.search.constraint import Window
from nasbench_harness.search.inputs import Cost, Scores
from nasbench_harness.search.judge import Judge, origins, problems_of
from nasbench_harness.search.prune import RANK_LIMIT
from nasbench_harness.search.prune_stages import PruneRun, describe_space, pad_nas
from nasbench_harness.search.settings import SearchSettings
from nasbench_harness.seeding import derive_rng
from nasbench_harness.space import EDGES, OPERATIONS, connected
from nasbench_harness.system.progress import Progress, Silent
from nasbench_harness.truth import Truth

FRONTS = ("true_front", "front_beyond")
"""What ``search`` tells of a problem and ``prune`` does not."""


def prune_tables(
    scores: Sequence[Scores],
    costs: Sequence[Cost],
    windows: Sequence[Window],
    truth: Truth | None,
    seeds: Sequence[int],
    thresholds: Sequence[float] = (0.01,),
    prunings: int = 2,
    counting: str = "archive",
    settings: SearchSettings | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """One result object: ``problems`` (scores x device x window), each with ``runs`` (threshold x seed).

    A run tells each stage's search, pruning and space. Raises ``UsageError`` as ``pad_nas``.
    """
    settings, progress = settings or SearchSettings(), progress or Silent()
    asked = problems_of(scores, costs, windows, truth)
    runs_each = list(product(thresholds, seeds))
    progress.start("prune", len(asked) * len(runs_each), "runs")
    problems = []
    for each, judge in asked:
        runs = []
        for threshold, seed in runs_each:
            done = pad_nas(
                each.at,
                judge.cost.value_A,
                each.space,
                judge.window,
                derive_rng("hardware pruning", seed),
                threshold,
                prunings,
                settings,
                counting=counting,
                share_live_cells=False,
                unit=judge.cost.unit,
            )
            runs.append({"threshold": threshold, "seed": seed, **_run(done, each, judge)})
            progress.advance(1)
        problem = {key: value for key, value in judge.to_json().items() if key not in FRONTS}
        problems.append({"scores": each.name, **problem, "runs": runs})
    return {
        "kind": "prune",
        **origins(scores, truth),
        "settings": {
            **settings.to_json(),
            "stages": prunings,
            "counting": counting,
            "counted_ranks_below": RANK_LIMIT,
        },
        "seeds": list(seeds),
        "edges": [f"{source}-{target}" for source, target in EDGES],
        "operations": list(OPERATIONS),
        "problems": problems,
    }


def _run(done: PruneRun, scores: Scores, judge: Judge) -> dict[str, Any]:
    spaces = []
    for space in done.spaces:
        described = describe_space(space, judge.cost.checked_A, judge.window, judge.truth_A)
        described["kendall_tau"] = _tau(space.mask_A, scores, judge)
        spaces.append(described)
    best = [space.get("best_truth_in_window") for space in spaces]
    losses = [None if before is None or after is None else before - after for before, after in pairwise(best)]
    stages = [
        {"search": stage.search.to_json(), **stage.pruning.to_json(), "loss_of_optimum": loss}
        for stage, loss in zip(done.stages, losses, strict=False)
        if stage.pruning is not None
    ]
    total = None if best[0] is None or best[-1] is None else best[0] - best[-1]
    judged = {key: value for key, value in judge.result(done.final).items() if key != "front"}
    return {"stages": stages, "spaces": spaces, "loss_of_optimum": total, **judged}


def _tau(inside_A: np.ndarray, scores: Scores, judge: Judge) -> float | None:
    """Tau-b of the scores against the truth among the space's architectures in the window."""
    if judge.truth_A is None:
        return None
    rows_A = inside_A & connected() & judge.window.holds(judge.cost.checked_A)
    rows_A &= ~np.isnan(judge.truth_A) & ~np.isnan(scores.score_A)
    return kendall_tau(scores.score_A[rows_A], judge.truth_A[rows_A]) if rows_A.sum() > 1 else None
