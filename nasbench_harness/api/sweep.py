"""Runs of several protocols side by side, as a table in a notebook and as figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nasbench_harness.api.runs import let_notebooks_show_figures
from nasbench_harness.evidence.sweep import run_folders, sweep_of, with_strategies
from nasbench_harness.figures import save_figures
from nasbench_harness.figures.page import page_of
from nasbench_harness.figures.sweep import draw_sweep
from nasbench_harness.records import Run, read_run
from nasbench_harness.report.html import html_table
from nasbench_harness.report.latex import latex_of
from nasbench_harness.report.separated import csv_of
from nasbench_harness.report.sweep import SweepBoard, sweep_board
from nasbench_harness.report.tables import markdown_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Sweep(SweepBoard):
    """What settings change: a row for each protocol, by the settings that differ; a table in a notebook."""

    def to_markdown(self) -> str:
        """The table as Markdown, with its notes."""
        return markdown_of(self.table())

    def to_latex(self) -> str:
        """The leading columns as LaTeX (booktabs, siunitx), with a caption; the other notes as comments."""
        return latex_of(self.table().leading())

    def to_csv(self) -> str:
        """Every number as CSV, units in the names; settings by their dotted names."""
        return csv_of([self.table()])

    def draw(self, folder: Path | str | None = None, *, width: str | float = "neurips") -> dict[str, Figure]:
        """The figures of the sweep by name, written to ``folder`` as PNG and PDF where one is given."""
        drawn = draw_sweep(self.sweep, page_of(str(width)), self.signal)
        if folder is not None:
            save_figures(drawn, Path(folder))
        let_notebooks_show_figures()
        return {name: one.figure for name, one in drawn.items()}

    def _repr_html_(self) -> str:
        table = self.table()
        rows = [[column.cells[row] for column in table.columns] for row in range(len(table.columns[0].cells))]
        return html_table(table.title, [column.title for column in table.columns], rows, table.notes, table.plain)


def sweep(
    runs: Sequence[Run | Path | str] | Path | str, signal: str | None = None, strategies: Sequence[str] = ()
) -> Sweep:
    """What settings change: runs, folders of them, or the folder of a grid, in the order of the settings that differ.

    ``signal``: as for ``leaderboard``. ``strategies``: these alone. Raises ``DataError`` for a folder without records,
    ``UsageError`` for runs of different truths, a strategy that none has, and where no setting differs.
    """
    given = [runs] if isinstance(runs, str | Path) else list(runs)
    found: list[Run] = []
    for one in given:
        found += [one] if isinstance(one, Run) else [read_run(folder) for folder in run_folders(Path(one))]
    return Sweep(**vars(sweep_board(sweep_of(with_strategies(found, strategies), signal), signal)))
