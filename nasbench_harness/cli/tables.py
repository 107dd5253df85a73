"""Options of the verbs that print a table of results: what it shows, in which order, and as which kind of text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from nasbench_harness.cli.options import Flag, Wide, items
from nasbench_harness.cli.output import emit, note
from nasbench_harness.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from nasbench_harness.report.tables import Table

VERBS = ("leaderboard", "sweep", "compare")
FORMATS = ("--latex", "--markdown", "--csv")
_STDOUT = Path("-")
_WHERE = "to a file; without PATH on stdout, in place of the table."


@Parameter(name="*")
@dataclass(frozen=True)
class TableOptions:
    """How a table of results is shown, and which texts of it are written."""

    columns: Annotated[
        str | None,
        Parameter(help="Show these, such as ``tau,regret``: names as in the CSV, or how one begins. None: what fits."),
    ] = None
    sort: Annotated[str | None, Parameter(help="Sort by this column, the best first. None: as the verb does.")] = None
    reverse: Annotated[Flag, Parameter(help="The worst first.")] = False
    wide: Wide = False
    latex: Annotated[Path | None, Parameter(help=f"LaTeX (booktabs, siunitx) of the leading columns {_WHERE}")] = None
    markdown: Annotated[Path | None, Parameter(help=f"Markdown {_WHERE}")] = None
    csv: Annotated[Path | None, Parameter(help=f"CSV {_WHERE}")] = None

    def arranged(self, tables: Sequence[Table]) -> list[Table]:
        """The tables with the rows and columns that were asked for. Raises ``UsageError`` for an unknown column."""
        if self.reverse and self.sort is None:
            raise UsageError("--reverse turns the order of --sort round; name its column, such as --sort tau")
        if self.columns is not None and not items(self.columns):
            raise UsageError("--columns names none; expected names with commas between them, such as tau,seeds")
        found = [table.sorted(self.sort, self.reverse) for table in tables]
        return [table.chosen(items(self.columns)) for table in found] if self.columns else found

    def emit(self, value: object, as_json: bool, tables: Sequence[Table]) -> None:
        """The result on stdout, as a table or as what was asked for in its place; files are written and named."""
        wanted = dict(zip(FORMATS, (self.latex, self.markdown, self.csv), strict=True))
        printed = [option for option, path in wanted.items() if path == _STDOUT] + ["--json"] * as_json
        if len(printed) > 1:
            raise UsageError(f"{' and '.join(printed)} would both print; give one of them a file")
        from nasbench_harness.system.files import write_text

        tables = self.arranged(tables)
        for option, path in wanted.items():
            if path is not None and path != _STDOUT:
                write_text(path, self._text(option, tables))
                note(f"table in {path}")
        if printed and not as_json:
            print(self._text(printed[0], tables), end="")
        else:
            emit(value, as_json, lambda console: _draw(tables, console), self.wide)

    def _text(self, option: str, tables: Sequence[Table]) -> str:
        from nasbench_harness.report.latex import latex_of
        from nasbench_harness.report.separated import csv_of
        from nasbench_harness.report.tables import markdown_of

        if option == "--csv":
            return csv_of(tables)
        if option == "--markdown":
            return "\n".join(map(markdown_of, tables))
        narrow = self.columns is None and not self.wide
        return "\n".join(latex_of(table.leading() if narrow else table) for table in tables)


def _draw(tables: Sequence[Table], console: Console) -> None:
    from nasbench_harness.report.tables import show

    for table in tables:
        show(table, console)


PLAIN_TABLE = TableOptions()


def with_files(arguments: Sequence[str]) -> list[str]:
    """The arguments with ``-``, for stdout, behind each option of ``FORMATS`` that no file follows.

    A folder is never the file: ``leaderboard --markdown RUN_DIR`` prints.
    """
    found = list(arguments)
    if not found or found[0] not in VERBS:
        return found
    for place, argument in enumerate(found):
        following = found[place + 1] if place + 1 < len(found) else None
        if argument not in FORMATS:
            continue
        if following is None or following.startswith("-") or Path(following).is_dir():
            found[place] = f"{argument}={_STDOUT}"
        if following == str(_STDOUT):
            found[place + 1] = ""
    return [argument for argument in found if argument]
