"""Tables of results: columns of text with the numbers behind them, chosen, sorted, and printed as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from nasbench_harness.errors import UsageError
from nasbench_harness.records.summary import Estimate
from nasbench_harness.system.tables import Column, print_table

__all__ = ["Column", "Numbers", "Table", "Value", "markdown_table", "print_table"]

Value = Estimate | float | int | str | None


@dataclass(frozen=True)
class Numbers(Column):
    """A column with what its cells show: a value for each, None where it is not known.

    ``name`` is what commands and CSV headers call it, with the unit. ``digits`` after the point. ``lower_is_better``
    decides which end of a sorted table is the upper one.
    """

    name: str = field(kw_only=True)
    values: tuple[Value, ...] = field(kw_only=True)
    digits: int = field(default=3, kw_only=True)
    lower_is_better: bool = field(default=False, kw_only=True)


@dataclass(frozen=True)
class Table:
    """A table with all that is needed to read it outside of a terminal.

    The rows after the first ``plain`` are references and stay beneath. ``facts``: what holds for all rows, such as the
    truth; a CSV has each as a column.
    """

    title: str
    columns: tuple[Numbers, ...]
    notes: tuple[str, ...]
    plain: int
    facts: Mapping[str, str | int | float | None]

    def chosen(self, names: Sequence[str]) -> Table:
        """The first column and those that are named, in that order. Raises ``UsageError`` for an unknown name."""
        places = [place for name in names for place in self.places(name)]
        return replace(self, columns=tuple(self.columns[place] for place in dict.fromkeys([0, *places])))

    def sorted(self, by: str | None, reverse: bool = False) -> Table:
        """Rows from the best to the worst by the column ``by``, texts from A to Z; what is not known comes last.

        None: as they are. Raises ``UsageError`` for an unknown name.
        """
        column = None if by is None else self.columns[self.places(by)[0]]
        keys = dict(enumerate(range(len(self.columns[0].cells))) if column is None else _keys(column))
        known = sorted((row for row in keys if keys[row] is not None), key=lambda row: keys[row], reverse=reverse)
        order = [*known, *(row for row in keys if keys[row] is None)]
        order = [row for row in order if row < self.plain] + [row for row in order if row >= self.plain]
        columns = tuple(
            replace(each, cells=tuple(each.cells[r] for r in order), values=tuple(each.values[r] for r in order))
            for each in self.columns
        )
        said = () if column is None else (f"rows are sorted by {column.title}{', the worst first' if reverse else ''}.",)
        return replace(self, columns=columns, notes=(*said, *self.notes))

    def places(self, name: str) -> list[int]:
        """Where the columns of that name, title or beginning of one stand: an exact name first."""
        wanted = _plain(name)
        for same in (lambda text: text == wanted, lambda text: text.startswith(wanted)):
            found = [
                place
                for place, column in enumerate(self.columns)
                if wanted and (same(_plain(column.name)) or same(_plain(column.title)))
            ]
            if found:
                return found
        names = ", ".join(column.name for column in self.columns)
        raise UsageError(f"no column {name!r} in {self.title}; the columns are {names}")


def markdown_of(table: Table) -> str:
    """The whole table as Markdown with its notes; ends with a newline."""
    return markdown_table(table.title, table.columns, table.notes)


def markdown_table(heading: str, columns: Sequence[Column], notes: Iterable[str]) -> str:
    """A heading, the whole table, and the notes one needs to read it; ends with a newline."""
    lines = [
        f"### {heading}",
        "",
        _line(column.title for column in columns),
        "|" + "|".join(" :--- " if place == 0 else " ---: " for place in range(len(columns))) + "|",
        *(_line(column.cells[row] for column in columns) for row in range(len(columns[0].cells))),
        "",
        *(f"- {_escaped(note)}" for note in notes),
    ]
    return "\n".join(lines) + "\n"


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(_escaped(cell) for cell in cells) + " |"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")


def _plain(text: str) -> str:
    """``tau (neg. loss) *`` as ``tau_neg_loss``."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def _keys(column: Numbers) -> Iterable[tuple[int, float | str | None]]:
    sign = 1 if column.lower_is_better else -1
    for row, value in enumerate(column.values):
        number = value.mean if isinstance(value, Estimate) else value
        yield row, number if number is None or isinstance(number, str) else sign * number
