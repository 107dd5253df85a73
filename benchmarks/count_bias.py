"""How much of tau is one bias: how a ranking weighs convolutions. Of stored records, without training anything.

The bias of a unit is the root of the mean square, over architectures, of the mean rank error of their number of live
convolutions (``breakdown`` of a record, as a share of the ranks): 0 where no count is rated above or below its worth.

    python benchmarks/count_bias.py results/cifar10-study results/cifar10-study-freeze results/literature-c5*
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import count_bias_figure
import numpy as np

from nasbench_harness.errors import DataError, HarnessError
from nasbench_harness.figures import save_figures
from nasbench_harness.metrics import TAUS, kendall_tau
from nasbench_harness.records import read_run
from nasbench_harness.records.schema import CONVOLUTION_BIAS, lookup

SIGNALS = ("accuracy", "negative_loss")


def rows_in(folders: Sequence[Path], signal: str) -> list[dict[str, Any]]:
    """A row for each unit by a signal, the smallest bias first.

    ``DataError`` where they are fewer than three, a tau is undefined, or a record is damaged or lacks the breakdown.
    """
    rows = []
    for folder in folders:
        run = read_run(folder)
        for record in run.records:
            unit, column = str(run.unit_dir(record.strategy, record.seed)), record.metrics[signal]
            bias = lookup(column, CONVOLUTION_BIAS)
            if bias is None or any(column.get(name) is None for name in TAUS):
                raise DataError(f"{unit}: no breakdown or a tau that is undefined; judge its scores again (results)")
            rows.append({"unit": unit, "bias": bias, **{name: column[name] for name in TAUS}})
    if len(rows) < 3:
        raise DataError(f"{', '.join(map(str, folders))}: found {len(rows)} units; at least 3 are needed")
    return sorted(rows, key=lambda row: row["bias"])


def main() -> None:
    """Print a table a signal, and how bias and each tau go together."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, help="folders of runs")
    parser.add_argument("--figures", type=Path, metavar="DIR", help="folder for count_bias.png, .pdf and .tex")
    arguments = parser.parse_args()
    found = {signal: rows_in(arguments.folders, signal) for signal in SIGNALS}
    for signal, rows in found.items():
        print(f"by {signal.replace('_', ' ')}\n bias    tau  within   with  unit")
        for row in rows:
            tau, within, together = (row[name] for name in TAUS)
            print(f"{row['bias']:5.3f}  {tau:5.3f}  {within:6.3f}  {together:5.3f}  {row['unit']}")
        bias_U = np.array([row["bias"] for row in rows])
        for name, words in zip(TAUS, ("tau", "tau within FLOPs", "tau with FLOPs"), strict=True):
            value_U = np.array([row[name] for row in rows])
            r, tau = np.corrcoef(bias_U, value_U)[0, 1], kendall_tau(bias_U, value_U)
            print(f"bias and {words}: r {r:+.2f}, tau-b {tau:+.2f} (n = {len(rows)})")
    if arguments.figures is not None:
        save_figures({"count_bias": count_bias_figure.draw(found)}, arguments.figures)


if __name__ == "__main__":
    try:
        main()
    except HarnessError as error:
        sys.exit(f"count_bias: {error}")
