"""Where in the space a ranking is right or wrong: by bands of the truth, and by what architectures are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError
from nasbench_harness.metrics.correlation import mean_ranks, tau_of
from nasbench_harness.metrics.pairs import Floats, Pair

BANDS = 5


def breakdown(
    score: npt.ArrayLike, truth: npt.ArrayLike, counts: Mapping[str, npt.ArrayLike], bands: int = BANDS
) -> dict[str, Any]:
    """Tau by band of the truth, and mean rank error by count, as plain JSON values.

    `score`, `truth`: n numbers, higher is better. `counts`: by name, n whole numbers, such as convolutions.

    - `tau_by_band`: the rows from the truly best to the worst in `bands` equal parts (the last takes what is left), of
      each `n`, `kendall_tau` (tau-b, None where undefined), `best` and `worst` truth. Rows of equal truth at a border
      are taken in row order;
    - `rank_error`: for each name in `counts` and each value of it, rising: `value`, `n`, and `error`, the mean of
      (rank by score - true rank) / n with the best at rank 1 and mean ranks for ties. Negative: such architectures are
      rated above their worth.

    Raises `DataError` for bad vectors or counts that do not stand beside every score.
    """
    pair = Pair.of(score, truth)
    error_A = _error(pair)
    return {
        "tau_by_band": [_band(pair, rows) for rows in _bands(pair, bands) if rows.size],
        "rank_error": {name: _by_value(error_A, np.asarray(count_A), name) for name, count_A in counts.items()},
    }


def rank_bias(rank_errors: Sequence[Mapping[str, Any]]) -> float:
    """How far a ranking misjudges a count: the root mean square, over architectures, of its mean errors by it.

    `rank_errors`: at least one row of a `rank_error` of `breakdown`, with `n` and `error`. 0: architectures of no count
    are rated above or below their worth; in parts of n, as the errors are.
    """
    count_G, error_G = (np.array([row[name] for row in rank_errors], dtype=np.float64) for name in ("n", "error"))
    return float(np.sqrt(np.average(error_G**2, weights=count_G)))


def _error(pair: Pair) -> Floats:
    return np.asarray((mean_ranks(pair.truth_code_A) - mean_ranks(pair.score_code_A)) / pair.n, dtype=np.float64)


def _bands(pair: Pair, bands: int) -> list[npt.NDArray[np.int64]]:
    size = pair.n // bands
    return np.split(pair.by_truth, [size * number for number in range(1, bands)])


def _band(pair: Pair, rows: npt.NDArray[np.int64]) -> dict[str, Any]:
    inside = pair.take(rows)
    tau = tau_of(inside) if rows.size > 1 else None
    return {
        "n": int(rows.size),
        "kendall_tau": tau,
        "best": float(inside.truth_A.max()),
        "worst": float(inside.truth_A.min()),
    }


def _by_value(error_A: Floats, count_A: npt.NDArray[Any], name: str) -> list[dict[str, Any]]:
    if count_A.shape != error_A.shape or not np.issubdtype(count_A.dtype, np.integer):
        raise DataError(
            f"{name} must be one whole number for each of {error_A.size} rows, "
            f"found {count_A.dtype} of shape {count_A.shape}"
        )
    rows = []
    for value in np.unique(count_A).tolist():
        here_A = count_A == value
        rows.append({"value": int(value), "n": int(here_A.sum()), "error": float(error_A[here_A].mean())})
    return rows
