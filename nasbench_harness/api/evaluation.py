"""Scores of one's own, judged by a truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nasbench_harness.api.inputs import as_scores, as_truth
from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.evaluation.judge import judge_scores
from nasbench_harness.records.schema import lookup, lookup_interval
from nasbench_harness.report.judgement import judgement_html, metric_names

if TYPE_CHECKING:
    import polars


def evaluate(
    scores: Any, truth: Any, *, policy: str | None = None, allow_missing: bool = False, resamples: int = 1000
) -> Evaluation:
    """Judge scores against a truth: tau-b, tau within and with live FLOPs, top-k and more, with intervals.

    ``scores``: an array ``[15625]`` by our index, a mapping {architecture string: score} or {name: array ``[15625]``},
    a data frame with a column ``arch``, or the path of a CSV, JSON or Parquet file; higher is better. ``truth``: the
    name of a column such as ``digits_test_5``, a table, its file or an opened API (see ``truth_from``) with ``policy``
    for the column, or values in any of the forms of scores. ``allow_missing``: accept fewer architectures; n then says
    how many were judged. ``resamples``: bootstrap resamples behind the 95 % intervals.

    Raises ``DataError`` for an unknown or repeated architecture, a score that is not finite, a missing score or table;
    ``UsageError`` for values of another kind or an unclear choice.
    """
    known, table = as_truth(truth, policy)
    if resamples < 0:
        raise UsageError(f"resamples must be 0 or more, found {resamples}")
    return Evaluation(judge_scores(as_scores(scores, allow_missing), known, table, resamples))


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The judgement of one or more score columns, beside the rankings that need no training; a table in a notebook.

    ``scores`` and ``references`` hold the metrics by column, under the names that records use; correlations are None
    where the scores are constant, accuracies and regrets are in percent.
    """

    result: dict[str, Any]

    @property
    def scores(self) -> dict[str, dict[str, Any]]:
        """Metrics of each score column."""
        return dict(self.result["scores"])

    @property
    def references(self) -> dict[str, dict[str, Any]]:
        """Metrics of the rankings by FLOPs (``flops``) and by FLOPs on live edges (``live_flops``)."""
        return dict(self.result["references"])

    @property
    def truth(self) -> dict[str, Any]:
        """What the scores were judged by: table, policy, n, best value and noise ceiling."""
        return dict(self.result["truth"])

    def value(self, metric: str = "kendall_tau", column: str | None = None) -> float | None:
        """One number by its dotted name, such as ``regret_at.10``; the only score column needs no name.

        None where it is undefined. Raises ``DataError`` for an unknown metric or column.
        """
        return lookup(self._column(column), metric)

    def interval(self, metric: str = "kendall_tau", column: str | None = None) -> tuple[float, float] | None:
        """The 95 % bootstrap interval over architectures of one number; it says nothing about other seeds."""
        return lookup_interval(self._column(column), metric)

    def to_frame(self) -> polars.DataFrame:
        """One row for each ranking and metric: ``ranking``, ``metric``, ``value``, ``low``, ``high`` (null: none)."""
        import polars as pl

        rows = []
        for name, column in {**self.scores, **self.references}.items():
            for metric in metric_names(column):
                low, high = lookup_interval(column, metric) or (None, None)
                rows.append((name, metric, lookup(column, metric), low, high))
        kinds = {"ranking": pl.String, "metric": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64}
        return pl.DataFrame(rows, schema=kinds, orient="row")

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, as ``nasbench-harness score --json`` prints them."""
        return self.result

    def _column(self, name: str | None) -> dict[str, Any]:
        columns = {**self.scores, **self.references}
        if name is None and len(self.scores) > 1:
            raise UsageError(f"there are several score columns; name one of {', '.join(self.scores)}")
        name = next(iter(self.scores)) if name is None else name
        if name not in columns:
            raise DataError(f"no score column {name!r}; there are {', '.join(columns)}")
        return columns[name]

    def _repr_html_(self) -> str:
        return judgement_html(self.result)

    def __repr__(self) -> str:
        taus = {name: lookup(column, "kendall_tau") for name, column in self.scores.items()}
        text = ", ".join(f"{name}: tau-b {'undefined' if tau is None else f'{tau:.4f}'}" for name, tau in taus.items())
        return f"Evaluation({text}; truth {self.truth['policy']}, n = {self.truth['n']})"
