"""A sweep as a table: a row a point, with the settings that vary in front of what the leaderboard shows of a row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from nasbench_harness.evidence.protocol import value_text
from nasbench_harness.evidence.sweep import Sweep
from nasbench_harness.records.machines import machine_differences
from nasbench_harness.report.cells import MISSING, columns_of, name_of, notes_of
from nasbench_harness.report.leaderboard import Leaderboard, leaderboard
from nasbench_harness.report.notes import ORDER, intervals, judged_by, measured
from nasbench_harness.report.tables import Numbers, Table, Value

_ORDER = "in the order of the settings"


@dataclass(frozen=True)
class SweepBoard:
    """``board``: a row a point of ``sweep``, in its order, named by its label; its references are of the first point.

    ``counts``: the architectures that each point is judged on. ``signal``: what all are judged by; None: each record's
    headline.
    """

    sweep: Sweep
    board: Leaderboard
    counts: tuple[int, ...]
    signal: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values: those of the leaderboard, each row with its ``settings``, ``folder`` and ``strategy``."""
        value = self.board.to_json()
        rows = zip(value["rows"], self.sweep.points, self.counts, strict=True)
        value["varied"] = list(self.sweep.varied)
        value["rows"] = [
            {
                "settings": dict(zip(self.sweep.varied, point.values, strict=True)),
                "strategy": point.strategy,
                "folder": str(point.run.folder),
                "n": count,
                **row,
            }
            for row, point, count in rows
        ]
        return value

    def table(self) -> Table:
        """The settings, then the columns of a leaderboard."""
        board, settings = self.board, self._settings()
        return Table(
            board.experiment,
            (*settings, *columns_of(board)[1:]),
            tuple(self._notes()),
            len(board.rows),
            {"truth": board.truth_policy, "truth_table": board.truth_table},
            caption=" ".join([f"{board.experiment}:", measured(board), judged_by(board, ""), *intervals(board)]),
            order=_ORDER,
            names=len(self.sweep.varied),
        )

    def _settings(self) -> list[Numbers]:
        references = self.board.references
        columns = []
        for place, (name, title) in enumerate(zip(self.sweep.varied, self.sweep.titles, strict=True)):
            found = [point.values[place] for point in self.sweep.points]
            empty = [name_of(row) if place == 0 else MISSING for row in references]
            plain = all(isinstance(value, int | float) and not isinstance(value, bool) for value in found)
            values: list[Value] = [value if plain else value_text(value) for value in found]
            cells = (*map(value_text, found), *empty)
            columns.append(
                Numbers(
                    title,
                    cells,
                    kind="label",
                    name=name,
                    values=(*values, *[None] * len(empty)),
                    digits=6,
                    lower_is_better=True,
                )
            )
        if len(set(self.counts)) > 1:
            counts: tuple[Value, ...] = (*self.counts, *[None] * len(references))
            cells = (*(f"{count:,}" for count in self.counts), *[MISSING] * len(references))
            columns.append(Numbers("n", cells, 1, name="architectures", values=counts, digits=0))
        return columns

    def _notes(self) -> list[str]:
        found = [note.replace(f"{ORDER}, and ", f"{_ORDER}; ") for note in notes_of(self.board)]
        if len(set(self.counts)) > 1 or "name" in self.sweep.varied:
            found.append(
                "experiments of other names draw other scoring images and other samples: n and the references, which "
                "are of the first point, may differ from row to row."
            )
        return found


def sweep_board(sweep: Sweep, signal: str | None = None) -> SweepBoard:
    """The table of a sweep. ``signal`` None takes each record's headline; ``DataError`` where a record lacks it."""
    boards = {id(run): leaderboard(run, signal) for run in {id(p.run): p.run for p in sweep.points}.values()}
    rows = []
    for point, label in zip(sweep.points, sweep.labels, strict=True):
        [row] = [each for each in boards[id(point.run)].rows if each.name == point.strategy]
        rows.append(replace(row, name=label, place=None))
    first = boards[id(sweep.points[0].run)]
    experiments = dict.fromkeys(point.run.name for point in sweep.points)
    return SweepBoard(
        sweep,
        replace(
            first,
            experiment=", ".join(experiments),
            signals=tuple(dict.fromkeys(name for board in boards.values() for name in board.signals)),
            rows=tuple(rows),
            judged_before=tuple(unit for board in boards.values() for unit in board.judged_before),
            machines=machine_differences(sweep.records),
            headlines=(),
        ),
        tuple(int(point.records[0].truth["n"]) for point in sweep.points),
        signal,
    )
