r"""Tables for a paper: LaTeX with booktabs' rules and siunitx's ``S`` columns, intervals in columns of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from nasbench_harness.records.summary import Estimate
from nasbench_harness.report.notes import MISSING
from nasbench_harness.report.tables import Numbers, Table, Value

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"$<$",
    ">": r"$>$",
    "|": r"$|$",
    "±": r"$\pm$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "→": r"$\to$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "†": r"$\dagger$",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}

_AS_THEY_ARE = ("seeds", "tier")
"""Numbers whose cells say more than the number."""


def latex_of(table: Table) -> str:
    """The table with its caption, and the other notes as comments; ends with a newline.

    In parentheses behind a number stands its standard deviation over seeds in units of the last digit, which siunitx
    also prints as ``±`` (``separate-uncertainty``).
    """
    columns = [part for place, column in enumerate(table.columns) for part in _parts(column, place == 0)]
    count = len(table.columns[0].cells)
    lines = [
        f"% {_one_line(table.title)}, by nasbench-harness",
        r"% needs \usepackage{booktabs} and \usepackage{siunitx}",
        *(f"% {_one_line(note)}" for note in table.notes),
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escaped(table.caption + _uncertainty(table))}}}",
        rf"\label{{tab:{re.sub(r'[^a-zA-Z0-9]+', '-', table.title).strip('-')}}}",
        r"\begin{tabular}{",
        *(f"  {kind}" for kind, _, _ in columns),
        "}",
        r"\toprule",
        _row([title for _, title, _ in columns if title]),
        r"\midrule",
    ]
    for row in range(count):
        if 0 < row == table.plain:
            lines.append(r"\midrule")
        lines.append(_row([cells[row] for _, _, cells in columns]))
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}"]) + "\n"


def escaped(text: str) -> str:
    """The text as LaTeX prints it, with no command in it."""
    return "".join(_SPECIAL.get(sign, sign) for sign in _one_line(text))


def _parts(column: Numbers, first: bool) -> Iterator[tuple[str, str, list[str]]]:
    """Kind, title and cells of each column of LaTeX: a number and its interval are two."""
    title = escaped(column.title.removesuffix(" [interval]"))
    numbers = [value for value in column.values if not isinstance(value, str | None)]
    if first or not numbers or column.name in _AS_THEY_ARE:
        yield "l" if first else "c", f"{{{title}}}", [f"{{{escaped(cell)}}}" for cell in column.cells]
        return
    if column.unit and column.unit not in column.title:
        title += f" ({escaped(column.unit)})"
    cells = [_number(value, column.digits) for value in column.values]
    intervals = [value.interval if isinstance(value, Estimate) else None for value in column.values]
    heading = rf"\multicolumn{{2}}{{c}}{{{title}}}" if any(intervals) else f"{{{title}}}"
    yield f"S[table-format={_format(cells)}]", heading, [cell or f"{{-{MISSING}}}" for cell in cells]
    if any(intervals):
        yield "c", "", [_interval(each, column.digits) for each in intervals]


def _interval(ends: tuple[float, float] | None, digits: int) -> str:
    return "{}" if ends is None else f"{{$[{ends[0]:.{digits}f}, {ends[1]:.{digits}f}]$}}"


def _number(value: Value, digits: int) -> str:
    """``0.485(12)``; empty where nothing is known."""
    if value is None or isinstance(value, str):
        return ""
    if not isinstance(value, Estimate):
        return f"{value:.{digits}f}"
    deviation = "" if value.sd is None else f"({round(value.sd * 10**digits)})"
    return f"{value.mean:.{digits}f}{deviation}"


def _format(cells: Sequence[str]) -> str:
    """siunitx's ``table-format``: the sign, and the most digits before, after and in the uncertainty."""
    found = [re.fullmatch(r"(-?)(\d+)(?:\.(\d+))?(?:\((\d+)\))?", cell) for cell in cells if cell]
    sign = "-" if any(one and one[1] for one in found) else ""
    before, after, error = (max(len((one and one[part]) or "") for one in found) for part in (2, 3, 4))
    return f"{sign}{before}" + (f".{after}" if after else "") + (f"({error})" if error else "")


def _uncertainty(table: Table) -> str:
    with_sd = any(isinstance(value, Estimate) and value.sd is not None for c in table.columns for value in c.values)
    return " In parentheses: standard deviation over seeds, in units of the last digit." if with_sd else ""


def _row(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _one_line(text: str) -> str:
    return " ".join(text.split())
