"""The leaderboard as a table that stands without the program, which adds sorting and filtering."""

from __future__ import annotations

from collections.abc import Sequence

from nasbench_harness.report.leaderboard import Leaderboard, Row
from nasbench_harness.report.notes import notes_of
from nasbench_harness.report.page.columns import Column, columns
from nasbench_harness.report.page.intervals import Axis, bar
from nasbench_harness.report.page.markup import Html, element
from nasbench_harness.report.page.names import REFERENCES, Look

KINDS = {"method": "methods", "control": "controls", "reference": "references"}


def board_table(board: Leaderboard, look: dict[str, Look]) -> Html:
    """The table with its caption; references stand among the strategies where sorting puts them, at first beneath."""
    found = columns(board)
    axis = _axis(board)
    head = element(
        "tr",
        _heading("strategy", "strategy", "its name in papers, and in commands", 0, False),
        element("th", "tau, 95 % interval", scope="col", class_="plot"),
        (_heading(column.key, column.title, column.meaning, column.rank, column.rising) for column in found),
    )
    rows = [_row(row, found, axis, look) for row in (*board.rows, *board.references)]
    return element(
        "table",
        element("caption", "Strategies by tau. A heading sorts; a name opens its scatter.", class_="quiet"),
        element("thead", head),
        element("tbody", rows),
        id="board",
    )


def board_notes(board: Leaderboard) -> Html:
    """What one needs to read the numbers."""
    return element("ul", (element("li", note) for note in notes_of(board)), class_="notes")


def _heading(key: str, title: str, meaning: str, rank: int, rising: bool) -> Html:
    button = element("button", title, type="button", title=meaning, data_key=key, data_rising=rising and "1")
    sort = "descending" if key == "kendall_tau" else "none"
    return element(
        "th", button, scope="col", class_=f"r{rank}" + (" name" if key == "strategy" else ""), aria_sort=sort
    )


def _row(row: Row, found: Sequence[Column], axis: Axis, look: dict[str, Look]) -> Html:
    reference = row.n_seeds == 0
    kind = "reference" if reference else look[row.name].kind
    colour = None if reference else f"c{look[row.name].colour}"
    tau = row.metrics["kendall_tau"]
    cells = [column.cell(row) for column in found]
    return element(
        "tr",
        element("th", _name(row, look), scope="row", class_="name", data_v=row.name),
        element("td", tau and bar(axis, tau.mean, tau.interval, tau.values if tau.n > 1 else ()), class_="plot"),
        (
            element(
                "td",
                cell.text,
                element("small", cell.below) if cell.below else None,
                class_=f"r{column.rank}",
                data_v="" if cell.value is None else _plain(cell.value),
            )
            for column, cell in zip(found, cells, strict=True)
        ),
        data_kind=kind,
        data_name=row.name,
        class_=colour,
    )


def _name(row: Row, look: dict[str, Look]) -> list[object]:
    if row.n_seeds == 0:
        return [element("span", class_="dot hollow"), REFERENCES.get(row.name, row.name), element("small", "reference")]
    label = look[row.name].label
    seeds = "1 seed" if row.n_seeds == 1 else f"{row.n_seeds} seeds"
    return [
        element("span", class_="dot"),
        element("button", label, type="button", class_="link", data_strategy=look[row.name].number),
        element("small", element("span", f"{row.name} · ", class_="slug") if label != row.name else None, seeds),
    ]


def _axis(board: Leaderboard) -> Axis:
    """From the lowest end of an interval, at most 0, to 1; marks where the references and the ceiling are."""
    rows = (*board.rows, *board.references)
    taus = [tau for row in rows if (tau := row.metrics["kendall_tau"]) is not None]
    lowest = min([0.0, *(end for tau in taus for end in (tau.mean, *(tau.interval or ()), *tau.values))])
    marks = [tau.mean for row in board.references if (tau := row.metrics["kendall_tau"]) is not None]
    if board.noise_ceiling is not None:
        marks.append(float(board.noise_ceiling["kendall_tau"]))
    return Axis(lowest, 1.0, tuple(marks))


def _plain(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.7g}"
