"""The first things to know of a run, in a few tiles."""

from __future__ import annotations

from nasbench_harness.report.leaderboard import Leaderboard, Row
from nasbench_harness.report.page.markup import Html, element
from nasbench_harness.report.page.names import Look
from nasbench_harness.report.page.payload import board_tau


def glance(board: Leaderboard, look: dict[str, Look]) -> Html:
    """The best strategy, what counting reaches, the ceiling, and what may be called a difference."""
    judged = [row for row in board.rows if row.metrics["kendall_tau"] is not None]
    tiles = [_best(judged[0], look)] if judged else []
    count = board_tau(board, "live_flops")
    if count is not None:
        above = sum(_tau(row) > count for row in judged)
        tiles.append(
            _tile("Counting live FLOPs", f"{count:.3f}", f"{above} of {len(board.rows)} strategies have a higher tau")
        )
    ceiling = board.noise_ceiling
    if ceiling is not None:
        kind = ", a stand-in" if "proxy_for" in ceiling else ""
        note = f"tau between two measurements of the truth{kind}"
        tiles.append(_tile("Noise ceiling", f"{float(ceiling['kendall_tau']):.3f}", note))
    tiles.append(_seeds(board))
    return element("div", tiles, class_="tiles")


def _best(row: Row, look: dict[str, Look]) -> Html:
    return _tile("Highest tau", f"{_tau(row):.3f}", look[row.name].label)


def _seeds(board: Leaderboard) -> Html:
    counts = sorted({row.n_seeds for row in board.rows})
    text = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    if any(row.place for row in board.rows):
        first = sum(1 for row in board.rows if row.place and row.place.tier == 1)
        note = f"{first} in the first tier" if first > 1 else "1 alone in the first tier"
    elif counts[-1] == 1:
        note = "no differences can be called"
    else:
        note = "no tiers"
    return _tile("Seeds of a strategy", text, note)


def _tau(row: Row) -> float:
    tau = row.metrics["kendall_tau"]
    return -2.0 if tau is None else tau.mean


def _tile(title: str, number: str, note: str) -> Html:
    return element(
        "div", element("span", title, class_="what"), element("strong", number), element("span", note), class_="tile"
    )
