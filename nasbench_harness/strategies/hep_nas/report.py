"""Judging a hierarchical search against the truth, which the search itself never sees."""

from __future__ import annotations

from typing import Any

import numpy as np

from nasbench_harness.metrics import kendall_tau
from nasbench_harness.space import Subspace


def hierarchy_report(details: dict[str, Any], true_A: np.ndarray) -> dict[str, Any]:
    """How well each level of ``hep-search`` chose, as plain JSON, from its ``details``.

    ``true_A``: float ``[15625]``, NaN where the truth has no value.

    For each level: ``hit``, whether a kept child holds the best architecture of the subspaces that were divided (of
    equally good ones, any); ``holds_best_of_all``, the same for the best of the whole truth; Kendall's tau between the
    children's validation and the maximum and mean of their truth (``None`` where undefined, as with one child); the
    best that was kept and the best there was to keep, in percent. ``hit_rate`` is the share of levels with a hit.
    """
    levels = [_level(level, true_A) for level in details["levels"]]
    return {"levels": levels, "hit_rate": float(np.mean([level["hit"] for level in levels]))}


def _level(level: dict[str, Any], accuracy_A: np.ndarray) -> dict[str, Any]:
    rows = []
    for child in level["children"]:
        values = accuracy_A[Subspace.box(np.array(child["mask"], dtype=bool), child["name"]).members]
        known = values[~np.isnan(values)]
        if len(known):
            rows.append((child, float(known.max()), float(known.mean())))
    best = max(maximum for _, maximum, _ in rows)
    kept = max((maximum for child, maximum, _ in rows if child["kept"]), default=float("nan"))
    validated = [row for row in rows if row[0]["validation"] is not None]
    validation = [child["validation"] for child, _, _ in validated]
    return {
        "hierarchy": level["hierarchy"],
        "children": len(level["children"]),
        "hit": kept == best,
        "holds_best_of_all": kept == float(np.nanmax(accuracy_A)),
        "best": best,
        "best_kept": None if np.isnan(kept) else kept,
        "tau_with_max": kendall_tau(validation, [m for _, m, _ in validated]) if len(validated) > 1 else None,
        "tau_with_mean": kendall_tau(validation, [m for _, _, m in validated]) if len(validated) > 1 else None,
    }
