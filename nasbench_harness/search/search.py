"""Searches under constraints from tables alone: every scores x device x window x seed, judged, as one result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nasbench_harness.search.constraint import Window
from nasbench_harness.search.evolution import constrained_search
from nasbench_harness.search.inputs import Cost, Scores
from nasbench_harness.search.judge import origins, problems_of, spread_of
from nasbench_harness.search.settings import SearchSettings
from nasbench_harness.seeding import derive_rng
from nasbench_harness.system.progress import Progress, Silent
from nasbench_harness.truth import Truth


def search_tables(
    scores: Sequence[Scores],
    costs: Sequence[Cost],
    windows: Sequence[Window],
    truth: Truth | None,
    seeds: Sequence[int],
    settings: SearchSettings | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """One result object: ``problems``, each with its truth, its ``runs`` (one a seed) and their ``summary``.

    Raises ``UsageError`` for a window that holds nothing; every window is looked at before the first search.
    """
    settings, progress = settings or SearchSettings(), progress or Silent()
    asked = problems_of(scores, costs, windows, truth)
    progress.start("search", len(asked) * len(seeds), "searches")
    problems = []
    for each, judge in asked:
        runs = []
        for seed in seeds:
            found = constrained_search(
                each.at,
                judge.cost.value_A,
                each.space,
                judge.window,
                derive_rng("hardware search", seed),
                settings,
                share_live_cells=False,  # the truth and foreign scores differ between variants of a live cell
                unit=judge.cost.unit,
            )
            runs.append({"seed": seed, **judge.result(found)})
            progress.advance(1)
        problems.append({"scores": each.name, **judge.to_json(), "runs": runs, "summary": summary(runs)})
    return {
        "kind": "search",
        **origins(scores, truth),
        "settings": settings.to_json(),
        "seeds": list(seeds),
        "problems": problems,
    }


def summary(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Spread over the seeds of truth and cost of the best, regret, hypervolume ratio and violations."""
    values = {
        "truth": [run["best"].get("truth") for run in runs],
        "cost": [run["best"]["cost"] for run in runs],
        "regret": [run["regret"] for run in runs],
        "hypervolume_ratio": [run["hypervolume_ratio"] for run in runs],
        "violations": [run.get("violations") for run in runs],
        "regret_within": [run.get("regret_within") for run in runs],
    }
    found = {name: spread_of(column) for name, column in values.items()}
    return {name: estimate for name, estimate in found.items() if estimate is not None}
