"""Where the rankings are right: signed rank error by number of convolutions, and tau by band of the truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nasbench_harness.records import Run
from nasbench_harness.report.leaderboard import Leaderboard
from nasbench_harness.report.notes import MISSING
from nasbench_harness.report.page.chosen import median_record
from nasbench_harness.report.page.markup import Html, element
from nasbench_harness.report.page.names import Look

_STEPS = 5
_FULL = {"error": 0.5, "tau": 0.6}
"""The number that has the strongest colour."""


def heat_tables(run: Run, board: Leaderboard, look: dict[str, Look], signal: str | None) -> Html | None:
    """Both tables, a row a strategy in the order of the board, of the seed with the median tau.

    None where the records are of an earlier version that lacks them.
    """
    rows: list[tuple[str, dict[str, Any]]] = []
    several = any(row.n_seeds > 1 for row in board.rows)
    for row in board.rows:
        record = median_record(run.of(row.name), signal)
        found = record.column(signal).get("breakdown")
        if found:
            rows.append((look[row.name].label + (f", seed {record.seed}" if several else ""), found))
    if not rows:
        return None
    errors = [found["rank_error"]["convolutions"] for _, found in rows]
    bands = [found["tau_by_band"] for _, found in rows]
    names = [name for name, _ in rows]
    return element(
        "div",
        _table(
            "Rank error by number of convolutions, percent of all ranks (below 0: rated above their worth)",
            [str(group["value"]) for group in errors[0]],
            names,
            [[_cell(group["error"], _FULL["error"], _percent(group["error"])) for group in each] for each in errors],
        ),
        _table(
            "Tau within fifths of the truth, from the best to the worst",
            [f"{band['best']:.1f} to {band['worst']:.1f}" for band in bands[0]],
            names,
            [[_tau(band["kendall_tau"]) for band in each] for each in bands],
        ),
        class_="pair",
    )


def _table(title: str, headings: Sequence[str], names: Sequence[str], rows: Sequence[Sequence[Html]]) -> Html:
    head = element("tr", element("th", "strategy", scope="col", class_="name"), _headings(headings))
    body = (
        element("tr", element("th", name, scope="row", class_="name"), cells)
        for name, cells in zip(names, rows, strict=True)
    )
    table = element("table", element("caption", title), element("thead", head), element("tbody", body), class_="heat")
    return element("div", table, class_="wide", role="region", tabindex=0, aria_label=title)


def _headings(texts: Sequence[str]) -> list[Html]:
    return [element("th", text, scope="col") for text in texts]


def _percent(error: float) -> str:
    rounded = round(100 * error)
    return f"{rounded:+d}" if rounded else "0"


def _tau(value: float | None) -> Html:
    return element("td", MISSING) if value is None else _cell(value, _FULL["tau"], f"{value:.2f}")


def _cell(value: float, full: float, text: str) -> Html:
    """The number on a colour of 5 steps to each side."""
    step = max(-_STEPS, min(_STEPS, round(_STEPS * value / full)))
    return element("td", text, class_=f"h{'m' if step < 0 else 'p'}{abs(step)}")
