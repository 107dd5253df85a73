"""The rule that keeps impossible latencies out of a table, and what it takes out.

Some published columns hold a few microseconds for a whole network: a converter saw that the output of a cell without
a path does not depend on the image, and stored the answer instead of computing it. In the HELP file all 557 such values
(284 of raspi4, 273 of pixel3) belong to cells without a path; the smallest value of a cell with one is 9.8 % of its
column's median, and no other column has a value below 20 %.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.space import connected, format_architecture
from nasbench_harness.truth.order import benchmark_index

FLOOR_FRACTION = 0.05
RULE = f"below-floor: less than {FLOOR_FRACTION:.0%} of the column's median, too little for stem, reductions and head"

FloatArray = npt.NDArray[np.float64]


def exclude_impossible(columns: Mapping[str, FloatArray]) -> tuple[dict[str, FloatArray], dict[str, Any]]:
    """The columns with impossible values as NaN, and for a table's ``meta`` what was taken out, row by row.

    ``columns``: name -> float64 ``[15625]`` in ms by our index, positive or NaN. The second value maps each column
    that lost something to ``{"rule", "threshold_ms", "rows": [{"index", "benchmark_index", "arch", "ms", "path"}]}``;
    ``path`` says whether the cell has a path from input to output.
    """
    kept: dict[str, FloatArray] = {}
    excluded: dict[str, Any] = {}
    for name, values in columns.items():
        threshold = FLOOR_FRACTION * float(np.nanmedian(values)) if not np.isnan(values).all() else 0.0
        out = values < threshold
        kept[name] = np.where(out, np.nan, values)
        if out.any():
            rows = [_row(index, values[index]) for index in np.flatnonzero(out).tolist()]
            excluded[name] = {"rule": RULE, "threshold_ms": threshold, "rows": rows}
    return kept, excluded


def _row(index: int, value: float) -> dict[str, Any]:
    return {
        "index": index,
        "benchmark_index": int(benchmark_index()[index]),
        "arch": format_architecture(index),
        "ms": float(value),
        "path": bool(connected()[index]),
    }


def excluded_line(excluded: Mapping[str, Any]) -> str | None:
    """One line for the terminal on what was taken out, or None."""
    if not excluded:
        return None
    counts = ", ".join(f"{name} {len(found['rows'])}" for name, found in excluded.items())
    return f"impossible values excluded ({counts}); rule: {RULE}; `latency info TABLE --excluded` lists the rows"
