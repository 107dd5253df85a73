"""Tables as HTML for notebooks; every text is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from nasbench_harness.report.cells import columns_of, notes_of
from nasbench_harness.report.leaderboard import Leaderboard


def render_html(board: Leaderboard) -> str:
    """The leaderboard with its notes; references are set in grey beneath the strategies."""
    columns = columns_of(board)
    rows = [[column.cells[row] for column in columns] for row in range(len(columns[0].cells))]
    return html_table(board.experiment, [column.title for column in columns], rows, notes_of(board), len(board.rows))


def html_table(
    title: str,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    notes: Iterable[str] = (),
    plain: int | None = None,
) -> str:
    """A table whose first column holds names and the others numbers; the first ``plain`` rows are not set in grey."""
    lines = ["<table>", f"<caption>{escape(title)}</caption>", "<thead><tr>"]
    lines += [f"<th>{escape(text)}</th>" for text in header]
    lines.append("</tr></thead>\n<tbody>")
    for number, row in enumerate(rows):
        colour = "" if plain is None or number < plain else ' style="color: gray"'
        lines.append(f"<tr{colour}>" + "".join(_cell(place, text) for place, text in enumerate(row)) + "</tr>")
    lines.append("</tbody></table>")
    lines += [f"<small>{escape(note)}</small><br>" for note in notes]
    return "\n".join(lines)


def _cell(place: int, text: str) -> str:
    side = "left" if place == 0 else "right"
    return f'<td style="text-align: {side}">' + escape(text).replace("\n", "<br>") + "</td>"
