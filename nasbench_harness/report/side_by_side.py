"""One run judged by several truths: a row a strategy, for each truth its three taus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nasbench_harness.metrics import TAUS
from nasbench_harness.report.cells import number, row_columns, words
from nasbench_harness.report.leaderboard import Leaderboard, Row
from nasbench_harness.report.tables import Numbers, Table, markdown_of, show
from nasbench_harness.report.taus import TITLES, meanings

if TYPE_CHECKING:
    from rich.console import Console

_ORDER = "sorted by tau of the first"


@dataclass(frozen=True)
class SideBySide:
    """Leaderboards of the same run by different truths, at least one; strategies are in the order of the first."""

    boards: tuple[Leaderboard, ...]

    def table(self) -> Table:
        """A row a strategy; tau by each truth stays in the narrowest terminal."""
        first, notes = self.boards[0], self.notes()
        columns = (*row_columns([*first.rows, *first.references]), *self._taus())
        facts = {"experiment": first.experiment}
        return Table(first.experiment, columns, tuple(notes), len(first.rows), facts, " ".join(notes), _ORDER)

    def _taus(self) -> list[Numbers]:
        rows = [*self.boards[0].rows, *self.boards[0].references]
        columns = []
        for board in self.boards:
            found = {row.name: row for row in (*board.rows, *board.references)}
            for worth, (metric, title) in enumerate(TITLES.items()):
                values = tuple(found[row.name].metrics[metric] for row in rows)
                cells = tuple(number(value, 3) for value in values)
                name = f"{'tau' if metric == 'kendall_tau' else metric}_{board.truth_policy}"
                columns.append(Numbers(f"{title} ({board.truth_policy})", cells, worth, name=name, values=values))
        return columns

    def notes(self) -> list[str]:
        """What a reader has to know to read the numbers."""
        signals = sorted({words(row.signal) for row in self.boards[0].rows if row.signal})
        by = signals[0] if len(signals) == 1 else "each record's headline signal"
        truths = "; ".join(f"{b.truth_policy} of {b.truth_table}, n = {b.n_architectures:,}" for b in self.boards)
        notes = [
            f"the same scores ({by}) judged by {truths}; {_ORDER}.",
            f"{meanings(TAUS[1:])}.",
            "[..]: 95 %, over seeds where there are several, else over architectures (†).",
        ]
        if self._moved():
            notes.append(f"another order by tau than by the first truth: {', '.join(self._moved())}.")
        return notes

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values: every leaderboard whole."""
        return {"experiment": self.boards[0].experiment, "boards": [board.to_json() for board in self.boards]}

    def to_markdown(self) -> str:
        """The table as Markdown, with its notes."""
        return markdown_of(self.table())

    def print(self, console: Console | None = None) -> None:
        """The table in a terminal, cut to its width by whole columns."""
        show(self.table(), console)

    def _moved(self) -> list[str]:
        """Truths by which the strategies stand in another order."""

        def order(rows: tuple[Row, ...]) -> list[str]:
            return [row.name for row in rows]

        return [board.truth_policy for board in self.boards[1:] if order(board.rows) != order(self.boards[0].rows)]
