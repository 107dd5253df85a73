"""The leaderboard as a CSV file, which the page offers for download."""

from __future__ import annotations

import csv
import io

from nasbench_harness.report.leaderboard import COSTS, METRICS, Leaderboard, Row


def board_csv(board: Leaderboard) -> str:
    """A line a strategy, then the references: means over seeds, with sd, interval and tier of tau; absent is empty."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(
        ["strategy", "kind", "seeds", *METRICS, "kendall_tau_sd", "kendall_tau_low", "kendall_tau_high", *COSTS, "tier"]
    )
    for row in (*board.rows, *board.references):
        writer.writerow(_line(row))
    return stream.getvalue()


def _line(row: Row) -> list[object]:
    tau = row.metrics["kendall_tau"]
    low, high = tau.interval if tau is not None and tau.interval is not None else (None, None)
    means = [None if value is None else value.mean for value in (row.metrics.get(name) for name in METRICS)]
    costs = [None if value is None else value.mean for value in (row.costs.get(name) for name in COSTS)]
    kind = "reference" if row.n_seeds == 0 else "strategy"
    return [
        _safe(row.name), kind, row.n_seeds, *means, tau and tau.sd, low, high, *costs, row.place and row.place.tier
    ]  # fmt: skip


def _safe(name: str) -> str:
    """A name that a spreadsheet would take for a formula is marked as text."""
    return f"'{name}" if name[:1] in "=+-@\t" else name
