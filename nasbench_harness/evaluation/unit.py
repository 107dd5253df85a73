"""What a record says of the scores of a unit: judged once when it was trained, and again by any other truth."""

from __future__ import annotations

from typing import Any

import numpy as np

from nasbench_harness.evaluation.columns import judge_column, references
from nasbench_harness.metrics import top_k_curve
from nasbench_harness.metrics.leaves import analyse_leaves
from nasbench_harness.metrics.report import RESAMPLES
from nasbench_harness.records import ScoreTable
from nasbench_harness.truth import Truth


def judge_unit(
    table: ScoreTable, truth: Truth, resamples: int = RESAMPLES, of_references: int | None = None
) -> dict[str, Any]:
    """All that a record says about scores against a truth, whatever the strategy, by the record's field names.

    ``of_references``: resamples behind the intervals of the references, where they are not as many.
    """
    truth = truth.among(table.index)
    true_A, rows = truth.accuracy_A, table.rows_of(truth.index_A)
    scores = {name: values[rows] for name, values in table.scores.items()}
    return {
        "metrics": {name: judge_column(values, true_A, truth.index_A, resamples) for name, values in scores.items()},
        "references": references(truth.index_A, true_A, resamples if of_references is None else of_references),
        "top_k_curve": {name: top_k_curve(values, true_A) for name, values in scores.items()},
    }


def analyse(
    table: ScoreTable,
    truth: Truth,
    names: list[str],
    ranked_leaves: list[int] | None,
    by_strategy: dict[str, Any],
    resamples: int = RESAMPLES,
) -> dict[str, Any]:
    """The record's ``analysis``: of the leaves (named in order), of those still ranked, and the strategy's own."""
    truth = truth.among(table.index)
    rows = table.rows_of(truth.index_A)
    leaf = table.leaf[rows]
    columns = {name: values[rows] for name, values in table.scores.items()}
    ranked: dict[str, Any] | None = None
    if ranked_leaves is not None:
        inside = np.isin(leaf, ranked_leaves)
        true_A, index_A = truth.accuracy_A[inside], truth.index_A[inside]
        judged = len(true_A) > 1  # a partial truth may know next to nothing of what is left
        taken = {name: values[inside] for name, values in columns.items()} if judged else {}
        ranked = {
            "leaves": ranked_leaves,
            "n": len(true_A),
            "best": float(true_A.max()) if judged else None,
            "metrics": {name: judge_column(values, true_A, index_A, resamples) for name, values in taken.items()},
        }
    return {
        "leaves": {name: analyse_leaves(values, truth.accuracy_A, leaf, names) for name, values in columns.items()},
        "ranked": ranked,
        "strategy": by_strategy,
    }
