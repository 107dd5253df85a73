"""The leaderboard of a run, as a table in a notebook and as a data frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasbench_harness import report
from nasbench_harness.api.boards import with_scores
from nasbench_harness.data.truths import table_for
from nasbench_harness.evidence.join import join as join_runs
from nasbench_harness.records import Run, read_run
from nasbench_harness.report.cells import table_of
from nasbench_harness.report.html import render_html
from nasbench_harness.report.latex import latex_of
from nasbench_harness.report.leaderboard import COSTS, METRICS
from nasbench_harness.report.separated import csv_of

if TYPE_CHECKING:
    import polars


class Leaderboard(report.Leaderboard):
    """Strategies by falling mean Kendall tau, references to beat, and the noise ceiling; a table in a notebook."""

    def to_frame(self) -> polars.DataFrame:
        """One row a strategy, best first, then the references: means over seeds, with the interval of tau.

        Columns: ``strategy``, ``reference`` (bool), ``seeds``, ``signal``, the metrics by their dotted names,
        ``kendall_tau_low``, ``kendall_tau_high`` (95 %), ``architecture_updates``, ``seconds``, ``peak_memory_mb``,
        ``tier``, ``rank_first``, ``rank_last`` (null: a single seed).
        """
        import polars as pl

        rows = []
        for row in (*self.rows, *self.references):
            tau = row.metrics["kendall_tau"]
            low, high = (None, None) if tau is None or tau.interval is None else tau.interval
            found = [row.metrics.get(name) for name in METRICS] + [row.costs.get(name) for name in COSTS]
            means = [None if value is None else value.mean for value in found]
            place = (row.place.tier, *row.place.ranks) if row.place else (None, None, None)
            rows.append((row.name, row.n_seeds == 0, row.n_seeds, row.signal, *means, low, high, *place))
        numbers = (*METRICS, *COSTS, "kendall_tau_low", "kendall_tau_high")
        places = dict.fromkeys(("tier", "rank_first", "rank_last"), pl.Int64)
        kinds = {"strategy": pl.String, "reference": pl.Boolean, "seeds": pl.Int64, "signal": pl.String}
        return pl.DataFrame(rows, schema={**kinds, **dict.fromkeys(numbers, pl.Float64), **places}, orient="row")

    def to_markdown(self) -> str:
        """The table as Markdown, with its notes."""
        return report.render_markdown(self)

    def to_latex(self) -> str:
        """The leading columns as LaTeX (booktabs, siunitx), with a caption; the other notes as comments."""
        return latex_of(table_of(self).leading())

    def to_csv(self) -> str:
        """Every number as CSV, units in the names, a column each for mean, deviation and ends of the interval."""
        return csv_of([table_of(self)])

    def _repr_html_(self) -> str:
        return render_html(self)


def leaderboard(
    run: Run | Path | str,
    signal: str | None = None,
    *,
    join: Sequence[Run | Path | str] = (),
    scores: Mapping[str, Any] | None = None,
    truth: Any = None,
) -> Leaderboard:
    """The strategies of a run, or of the folder of one, best first.

    ``signal``: the score column that all rows are judged by, ``accuracy`` or ``negative_loss``; None: the experiment's
    headline. ``join``: other runs of the same protocol, whose units stand in the same table. ``scores``: rows from
    elsewhere by name: scores in any form that ``evaluate`` takes, or a list of them, one a seed. ``truth``: the table
    that the run was judged by, where ``scores`` are given and it is neither embedded nor fetched. Raises ``DataError``
    for a folder without records or a record without that signal, ``UsageError`` for runs of different protocols.
    """
    runs = [one if isinstance(one, Run) else read_run(Path(one), curves=bool(join)) for one in (run, *join)]
    stored = join_runs(runs)
    board = report.leaderboard(stored, signal)
    if scores:
        table = table_for(str(stored.records[0].truth["policy"]), truth)
        sources = {name: value if isinstance(value, list | tuple) else [value] for name, value in scores.items()}
        board = with_scores(board, stored, sources, table)
    return Leaderboard(**vars(board))
