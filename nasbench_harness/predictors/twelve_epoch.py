"""Accuracy after a short training, read from the truth table: what twelve epochs of every architecture would tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nasbench_harness.errors import UsageError
from nasbench_harness.predictors.base import FloatArray, Need, Predictor, PredictorContext, predictors
from nasbench_harness.truth import TruthPolicy


@predictors.register("twelve-epoch")
@dataclass(frozen=True)
class TwelveEpoch(Predictor):
    """Validation accuracy of the stand-alone network after 12 epochs, from the truth table.

    It is no training-free score: it is the cheapest trained one. ``column`` None takes the table's 12-epoch validation
    column of the image set that the scores are judged by.
    """

    needs: ClassVar[Need] = "truth"
    source: ClassVar[str] = "the 12-epoch trainings of NAS-Bench-201"

    column: str | None = None

    def score(self, context: PredictorContext) -> FloatArray:
        """The column's values; raises ``DataError`` or ``UsageError`` where the table has none for every one."""
        reason = self.lacks(context)
        if reason is not None or context.table is None:
            raise UsageError(f"predictor twelve-epoch: {reason}")
        column = self.column or _column(context)
        assert column is not None
        value_A = context.table.column(column)
        missing = int(np.isnan(value_A).sum())
        if missing:
            raise UsageError(
                f"predictor twelve-epoch: column '{column}' lacks {missing} architectures; name another column"
            )
        return np.array(value_A, dtype=np.float64)

    def lacks(self, context: PredictorContext) -> str | None:
        """It needs a table with a 12-epoch validation column."""
        if context.table is None:
            return "it reads a truth table: give --truth FILE"
        if self.column is None and _column(context) is None:
            return f"truth table '{context.table.name}' has no validation accuracy after 12 epochs"
        return None


def _column(context: PredictorContext) -> str | None:
    """The 12-epoch validation column of the policy's image set; the mean of seeds before a single seed."""
    assert context.table is not None
    wanted = TruthPolicy.parse(context.policy or "")
    found = []
    for name in context.table.columns:
        policy = TruthPolicy.parse(name)
        if policy is None or policy.split != "valid" or policy.epochs != 12:
            continue
        if wanted is None or policy.image_set == wanted.image_set:
            found.append((policy.seeds != "mean", name))
    return min(found)[1] if found else None
