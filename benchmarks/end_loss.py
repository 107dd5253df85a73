"""Does the loss that training ends with tell how well a supernet ranks? Of stored records, without training anything.

The end loss is the mean training loss of the last tenth of a unit's steps: no truth is needed for it. Only units of a
single network can be compared, by records whose losses mean the same (one number of classes, images alike). Beside it
stands the largest rise: how far a stretch of the loss curve lies above the lowest before it, where training broke.

    python benchmarks/end_loss.py results/cifar10-study results/cifar10-study-freeze --strategy one-shot-balanced
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from nasbench_harness.errors import DataError, HarnessError
from nasbench_harness.figures.training_loss import stretches
from nasbench_harness.metrics import kendall_tau
from nasbench_harness.records import read_run

SIGNALS = ("accuracy", "negative_loss")
SHARE = 0.1


def end_loss(curve: dict[str, Any]) -> float:
    """Mean loss of the last tenth of the steps of a record's loss curve; each stretch counts by its length."""
    ends = np.array(curve["updates"], dtype=np.float64)
    starts = np.concatenate([[0.0], ends[:-1]])
    within = np.clip(ends - np.maximum(starts, ends[-1] * (1 - SHARE)), 0, None)
    return float(np.average(curve["loss"], weights=within))


def largest_rise(curve: dict[str, Any]) -> float:
    """By how much a stretch of a record's loss curve lies above the lowest before it; 0 where it only falls."""
    _, loss = stretches(curve)
    return float(np.max(loss - np.minimum.accumulate(loss), initial=0.0))


def rows_in(folders: Sequence[str], strategy: str | None = None) -> list[dict[str, Any]]:
    """A row for each unit that trained one network, lowest end loss first.

    ``DataError`` where they are fewer than three, or a record is damaged.
    """
    rows: list[dict[str, Any]] = []
    for folder in folders:
        run = read_run(folder)
        for record in run.records:
            curves = record.training["loss"]
            if len(curves) == 1 and strategy in (None, record.strategy):
                taus = {signal: record.metrics[signal]["kendall_tau"] for signal in SIGNALS}
                unit = str(run.unit_dir(record.strategy, record.seed))
                rise = largest_rise(curves[0])
                rows.append({"unit": unit, "end_loss": end_loss(curves[0]), "largest_rise": rise, **taus})
    if len(rows) < 3:
        raise DataError(f"{', '.join(folders)}: found {len(rows)} units of one network; at least 3 are needed")
    return sorted(rows, key=lambda row: row["end_loss"])


def main() -> None:
    """Print the table and, for each signal, tau-b between minus the end loss and tau."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", help="folders of runs")
    parser.add_argument("--strategy", help="of this strategy alone; none: all that train one network")
    arguments = parser.parse_args()
    rows = rows_in(arguments.folders, arguments.strategy)
    print("end loss  largest rise  tau, accuracy  tau, loss  unit")
    for row in rows:
        taus = f"{row['accuracy']:13.3f}  {row['negative_loss']:9.3f}"
        print(f"{row['end_loss']:8.3f}  {row['largest_rise']:12.3f}  {taus}  {row['unit']}")
    for signal in SIGNALS:
        tau = kendall_tau(np.array([-row["end_loss"] for row in rows]), np.array([row[signal] for row in rows]))
        print(f"tau-b between a low end loss and tau by {signal.replace('_', ' ')}: {tau:.2f} (n = {len(rows)})")


if __name__ == "__main__":
    try:
        main()
    except HarnessError as error:
        sys.exit(f"end_loss: {error}")
