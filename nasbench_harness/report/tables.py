"""Tables of results: columns of text with the numbers behind them, chosen, sorted, and printed as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from nasbench_harness.errors import UsageError
from nasbench_harness.records.summary import Estimate
from nasbench_harness.system.tables import Column, print_table

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Column", "Numbers", "Table", "Value", "markdown_of", "markdown_table", "print_table", "show"]

Value = Estimate | float | int | str | None
T = TypeVar("T")
_LEADING = 3
"""The highest ``Column.worth`` of the columns that a table of a paper has unless others are asked for."""


@dataclass(frozen=True)
class Numbers(Column):
    """A column with what its cells show: a value for each, None where it is not known.

    ``name`` is what commands and CSV headers call it, ``unit`` that of the values. ``digits`` after the point.
    ``lower_is_better`` decides which end of a sorted table is the upper one. ``more``: what a cell says beside its
    value, each as a column of a CSV.
    """

    name: str = field(kw_only=True)
    values: tuple[Value, ...] = field(kw_only=True)
    digits: int = field(default=3, kw_only=True)
    unit: str = field(default="", kw_only=True)
    lower_is_better: bool = field(default=False, kw_only=True)
    more: Mapping[str, tuple[Value, ...]] = field(default_factory=dict, kw_only=True)


@dataclass(frozen=True)
class Table:
    """A table with all that is needed to read it outside of a terminal.

    The rows after the first ``plain`` are references and stay beneath. ``facts``: what holds for all rows, such as the
    truth; a CSV has each as a column. ``caption``: the notes without which the numbers mean nothing. ``order``: the
    words of the notes that say how the rows are sorted. ``names``: the first columns, which tell what a row is of.
    """

    title: str
    columns: tuple[Numbers, ...]
    notes: tuple[str, ...]
    plain: int
    facts: Mapping[str, str | int | float | None]
    caption: str
    order: str = ""
    names: int = 1

    def chosen(self, names: Sequence[str]) -> Table:
        """The first ``names`` columns and those that are named, in that order; none is left out where it is narrow.

        Raises ``UsageError`` for an unknown name.
        """
        places = [place for name in names for place in self.places(name)]
        return self._with(
            replace(self.columns[place], worth=0) for place in dict.fromkeys([*range(self.names), *places])
        )

    def leading(self) -> Table:
        """With the most telling columns alone: those that a page has room for."""
        return self._with(column for column in self.columns if column.worth <= _LEADING)

    def _with(self, columns: Iterable[Numbers]) -> Table:
        """With those columns, and without the notes that explain others."""
        kept = tuple(columns)
        names = {column.name for column in kept}
        others = {text for column in self.columns if column.name not in names for text in (column.name, column.title)}
        notes = tuple(note for note in self.notes if note.partition(":")[0] not in others)
        return replace(self, columns=kept, notes=notes)

    def sorted(self, by: str | None, reverse: bool = False) -> Table:
        """Rows from the best to the worst by the column ``by``, texts from A to Z; what is not known comes last.

        None: as they are. Raises ``UsageError`` for an unknown name.
        """
        column = None if by is None else self.columns[self.places(by)[0]]
        keys = list(range(len(self.columns[0].cells))) if column is None else _keys(column)
        groups = (range(self.plain), range(self.plain, len(keys)))
        order = [row for group in groups for row in _order(group, keys, reverse)]
        columns = tuple(_rows(each, order) for each in self.columns)
        if column is None:
            return replace(self, columns=columns)
        said = f"sorted by {column.title}" + (", the worst first" if reverse else "")
        if not self.order:
            return replace(self, columns=columns, notes=(*self.notes, f"{said}."), order=said)
        notes = tuple(note.replace(self.order, said) for note in self.notes)
        return replace(self, columns=columns, notes=notes, order=said)

    def places(self, name: str) -> list[int]:
        """Where the columns of that name, title or beginning of one stand: an exact name first."""
        wanted = _plain(name)
        known = [{_plain(column.name), _plain(column.title)} for column in self.columns]
        found = [place for place, names in enumerate(known) if wanted in names]
        found = found or [
            place for place, names in enumerate(known) if wanted and any(each.startswith(wanted) for each in names)
        ]
        if found:
            return found
        names = ", ".join(column.name for column in self.columns)
        raise UsageError(f"no column {name!r} in {self.title}; the columns are {names}")


def show(table: Table, console: Console | None = None) -> None:
    """Print the table to ``console``, standard output by default, as its width allows."""
    print_table(table.title, table.columns, table.notes, table.plain, console)


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


def _keys(column: Numbers) -> list[Any]:
    """What the rows are sorted by, the best lowest; None where it is not known."""
    sign = 1 if column.lower_is_better else -1
    numbers = [value.mean if isinstance(value, Estimate) else value for value in column.values]
    return [number if number is None or isinstance(number, str) else sign * number for number in numbers]


def _order(rows: range, keys: Sequence[Any], reverse: bool) -> list[int]:
    known = sorted((row for row in rows if keys[row] is not None), key=keys.__getitem__, reverse=reverse)
    return [*known, *(row for row in rows if keys[row] is None)]


def _rows(column: Numbers, order: Sequence[int]) -> Numbers:
    def moved(values: tuple[T, ...]) -> tuple[T, ...]:
        return tuple(values[row] for row in order)

    more = {name: moved(values) for name, values in column.more.items()}
    return replace(column, cells=moved(column.cells), values=moved(column.values), more=more)
