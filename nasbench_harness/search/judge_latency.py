"""Latencies held against latencies: predictions against measurements, and devices against each other.

The results are derived numbers for figures (counts in bins, correlations); single latencies are not part of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError
from nasbench_harness.latency.table import LatencyTable
from nasbench_harness.metrics import kendall_tau, spearman

BINS = 48
LEAST_ROWS = 10

FloatArray = npt.NDArray[np.float64]


def residuals(measured_A: FloatArray, predicted_A: FloatArray, device: str, unit: str = "ms") -> dict[str, Any]:
    """How predicted costs relate to measured ones, for ``figures.latency_residuals``.

    Both float64 ``[n]``, NaN = unknown (left out, counted). ``joint``: counts [predicted bin, measured bin] over equal
    bins; ``relative``: counts [residual bin, predicted bin] of predicted / measured - 1 in percent, clipped to the
    1st..99th percentile, with its median and 5th and 95th percentile. Raises ``DataError`` for fewer than 10 rows.
    """
    known_A = ~np.isnan(measured_A) & ~np.isnan(predicted_A)
    measured, predicted = measured_A[known_A], predicted_A[known_A]
    if len(measured) < LEAST_ROWS:
        raise DataError(f"{device}: {len(measured)} architectures are both measured and predicted, {LEAST_ROWS} needed")
    relative = 100 * (predicted / measured - 1)
    low, high = float(min(measured.min(), predicted.min())), float(max(measured.max(), predicted.max()))
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    bottom, top = (float(value) for value in np.percentile(relative, [1, 99]))
    heights = np.linspace(bottom, top if top > bottom else bottom + 1, BINS + 1)
    joint, _, _ = np.histogram2d(predicted, measured, bins=[edges, edges])
    clipped = np.clip(relative, heights[0], heights[-1])
    side, _, _ = np.histogram2d(clipped, predicted, bins=[heights, edges])
    fifth, median, last = (float(value) for value in np.percentile(relative, [5, 50, 95]))
    return {
        "kind": "residuals",
        "device": device,
        "unit": unit,
        "n": len(measured),
        "left_out": int((~known_A).sum()),
        "spearman": spearman(predicted, measured),
        "kendall_tau": kendall_tau(predicted, measured),
        "mape_percent": float(np.abs(relative).mean()),
        "edges": edges.tolist(),
        "joint": joint.astype(int).tolist(),
        "residual_edges_percent": heights.tolist(),
        "relative": side.astype(int).tolist(),
        "residual_percentiles": {"5": fifth, "50": median, "95": last},
    }


def device_matrix(table: LatencyTable, devices: Sequence[str] = ()) -> dict[str, Any]:
    """Kendall's tau-b between every two device columns (none named: all), for ``figures.device_matrix``.

    Rows with a value in both columns count; undefined (constant columns) is None. Raises ``DataError`` for an unknown
    column and for two columns that share fewer than 10 rows.
    """
    names = list(devices) or list(table.columns)
    tau = [[1.0 if one == other else None for other in names] for one in names]
    for row, one in enumerate(names):
        for column, other in enumerate(names[:row]):
            a, b = table.vector(one), table.vector(other)
            known = ~np.isnan(a) & ~np.isnan(b)
            if known.sum() < LEAST_ROWS:
                raise DataError(f"{one} and {other} share {int(known.sum())} architectures, {LEAST_ROWS} needed")
            tau[row][column] = tau[column][row] = kendall_tau(a[known], b[known])
    return {
        "kind": "device-matrix",
        "table": table.name,
        "sha256": table.sha256,
        "devices": names,
        "without_latency": {name: int((~table.covered(name)).sum()) for name in names},
        "tau": tau,
    }
