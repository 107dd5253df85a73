"""Score rank against true rank counted in hexagons: a drawing's numbers without the 15,625 points."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import UsageError
from nasbench_harness.metrics.correlation import mean_ranks
from nasbench_harness.metrics.pairs import Floats, Pair


def rank_density(score: npt.ArrayLike, truth: npt.ArrayLike, bins: int = 40) -> dict[str, Any]:
    """Hexagonal counts of (true rank, score rank) as plain JSON values.

    Ranks are fractions (rank - 0.5) / n of 0..1 with the best near 0; equal values share their mean rank. The hexagons
    stand on a corner and are 1 / `bins` wide; the lattice is centred on the square, so border cells reach beyond it.
    Returns `x` (centres along the true rank), `y` (along the score rank), `count` (all at least 1, sum n), `radius`
    (centre to corner), `bins` and `n`. Raises `UsageError` for bins below 1 and `DataError` for bad vectors.
    """
    if bins < 1:
        raise UsageError(f"a rank density needs at least 1 bin across, found {bins}")
    pair = Pair.of(score, truth)
    x_A, y_A = _rank_fraction(pair.truth_code_A), _rank_fraction(pair.score_code_A)
    radius = 1 / (bins * math.sqrt(3))
    row_A, half_A = _nearest_centre(x_A * bins, (y_A - 0.5) / (1.5 * radius))
    cells, count_H = np.unique(np.stack([row_A, half_A], axis=1), axis=0, return_counts=True)
    return {
        "x": [round(float(half) / (2 * bins), 6) for half in cells[:, 1]],
        "y": [round(0.5 + 1.5 * radius * float(row), 6) for row in cells[:, 0]],
        "count": [int(count) for count in count_H],
        "radius": radius,
        "bins": bins,
        "n": pair.n,
    }


def _rank_fraction(code_A: npt.NDArray[Any]) -> Floats:
    return np.asarray((code_A.size + 0.5 - mean_ranks(code_A)) / code_A.size, dtype=np.float64)


def _nearest_centre(column_A: Floats, line_A: Floats) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Lattice cell nearest to each point: row number, and column number in half widths.

    `column_A` is measured in hexagon widths, `line_A` in row spacings (sqrt(3) / 2 widths). Even rows have centres at
    whole columns, odd rows half a column further; the nearest centre is in one of the two rows around the point.
    """
    below_A = np.floor(line_A).astype(np.int64)
    candidates = []
    for row_A in (below_A, below_A + 1):
        shift_A = row_A % 2
        half_A = 2 * np.rint(column_A - shift_A / 2).astype(np.int64) + shift_A
        distance_A = (column_A - half_A / 2) ** 2 + 0.75 * (line_A - row_A) ** 2
        candidates.append((row_A, half_A, distance_A))
    (low_row_A, low_half_A, low_A), (high_row_A, high_half_A, high_A) = candidates
    lower_A = low_A <= high_A
    return np.where(lower_A, low_row_A, high_row_A), np.where(lower_A, low_half_A, high_half_A)
