"""Verbs that hold latency tables against each other: ``latency residuals`` and ``latency matrix``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasbench_harness.cli.options import STDOUT_ONLY, Destination, Devices, Json
from nasbench_harness.cli.output import emit, keep

if TYPE_CHECKING:
    from rich.console import Console


def residuals(
    predicted: Path,
    measured: Path,
    /,
    *,
    device: Devices = None,
    destination: Destination = STDOUT_ONLY,
    json: Json = False,
) -> None:
    """Predicted against measured latencies of every architecture that has both, with the residuals.

    Parameters
    ----------
    predicted
        Stored predictors (JSON) or a table of predictions.
    measured
        Table of measurements with columns of the same names.
    """
    from nasbench_harness.latency import open_latency
    from nasbench_harness.search.judge_latency import residuals as compare

    destination.check()
    guess, clock = open_latency(predicted), open_latency(measured)
    names = device or [name for name in guess.columns if name in clock.columns] or list(guess.columns)[:1]
    found = [compare(clock.vector(name), guess.vector(name), name) for name in names]
    for one in found:
        keep(one, destination, f"residuals_{one['device']}")

    def draw(console: Console) -> None:
        for one in found:
            spread = one["residual_percentiles"]
            console.print(
                f"{one['device']}: Spearman {one['spearman']:.4f}, tau {one['kendall_tau']:.4f}, MAPE "
                f"{one['mape_percent']:.2f} %, 90 % of residuals {spread['5']:+.1f} to {spread['95']:+.1f} %, "
                f"n = {one['n']:,}",
                highlight=False,
                markup=False,
            )

    emit({"devices": found}, json, draw)


def matrix(
    table: Path, /, *, device: Devices = None, destination: Destination = STDOUT_ONLY, json: Json = False
) -> None:
    """Kendall's tau between the latencies of every two columns: how far one device speaks for another.

    Parameters
    ----------
    table
        Latency table (.npz) or wide CSV.
    """
    from nasbench_harness.latency import open_latency
    from nasbench_harness.search.judge_latency import device_matrix

    destination.check()
    found = device_matrix(open_latency(table), device or [])
    keep(found, destination, "device_matrix")
    emit(found, json, lambda console: _print_matrix(found, console))


def _print_matrix(found: dict[str, Any], console: Console) -> None:
    from nasbench_harness.system.tables import print_rows

    rows = [
        [name, *("-" if value is None else f"{value:.2f}" for value in row)]
        for name, row in zip(found["devices"], found["tau"], strict=True)
    ]
    print_rows(f"tau-b of latencies, {found['table']}", ["device", *found["devices"]], rows, console)
