"""Where a partition's ranking error sits: inside its leaves, or between them.

A leaf may order its own architectures well while all its scores stand too high or too low beside those of other leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError
from nasbench_harness.metrics.correlation import mean_ranks, tau_of
from nasbench_harness.metrics.pairs import Pair


def analyse_leaves(
    score_A: npt.ArrayLike, truth_A: npt.ArrayLike, leaf_A: npt.ArrayLike, names: Sequence[str]
) -> dict[str, Any]:
    """Tau within and between leaves, and how far each leaf's scores are offset, as plain JSON values.

    `score_A`, `truth_A`: n numbers, higher is better. `leaf_A`: whole numbers, positions in `names`; a negative one
    means no leaf, and the row is left out. All taus are tau-b, None where undefined (see `correlation`).

    - `n`: rows in a leaf; `kendall_tau`: over all of them;
    - `kendall_tau_within`: mean of the leaves' taus, weighted by their rows; leaves without a tau are left out, and
      `n_within` says how many rows the others have;
    - `kendall_tau_of_means`: between mean score and mean truth of the leaves;
    - `calibration_error`: `kendall_tau` - `kendall_tau_within`. Negative: comparing leaves costs more than it brings;
    - `leaves`: for each of `names`, in order: `name`, `n`, `kendall_tau`, `mean_score`, `mean_truth`, and mean ranks
      among all n as fractions (rank - 0.5) / n, best near 0: `mean_score_rank`, `mean_true_rank` and their difference
      `rank_offset`; negative: the leaf is rated above its worth. An empty leaf has None for all but name and n.

    Raises `DataError` for bad vectors, fewer than 2 rows in leaves, or a leaf number without a name.
    """
    pair, numbers = Pair.of(score_A, truth_A), np.asarray(leaf_A)
    _check(pair, numbers, len(names))
    inside = np.flatnonzero(numbers >= 0)
    pair = Pair.of(pair.score_A[inside], pair.truth_A[inside])
    number_A = numbers[inside].astype(np.int64)
    score_rank_A, true_rank_A = (_rank_fraction(code_A) for code_A in (pair.score_code_A, pair.truth_code_A))
    rows: list[dict[str, Any]] = []
    for number, name in enumerate(names):
        members = np.flatnonzero(number_A == number)
        row: dict[str, Any] = {"name": name, "n": int(members.size)}
        row["kendall_tau"] = tau_of(pair.take(members)) if members.size else None
        columns = {
            "mean_score": pair.score_A,
            "mean_truth": pair.truth_A,
            "mean_score_rank": score_rank_A,
            "mean_true_rank": true_rank_A,
            "rank_offset": score_rank_A - true_rank_A,
        }
        row |= {key: float(value_A[members].mean()) if members.size else None for key, value_A in columns.items()}
        rows.append(row)
    total, (within, n_within) = tau_of(pair), _weighted_mean(rows)
    filled = [row for row in rows if row["n"]]
    return {
        "n": pair.n,
        "kendall_tau": total,
        "kendall_tau_within": within,
        "n_within": n_within,
        "kendall_tau_of_means": _tau_of_means(filled),
        "calibration_error": None if total is None or within is None else total - within,
        "leaves": rows,
    }


def _rank_fraction(code_A: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    return np.asarray((code_A.size + 0.5 - mean_ranks(code_A)) / code_A.size, dtype=np.float64)


def _weighted_mean(rows: Sequence[dict[str, Any]]) -> tuple[float | None, int]:
    defined = [row for row in rows if row["kendall_tau"] is not None]
    weight = sum(row["n"] for row in defined)
    return (sum(row["n"] * row["kendall_tau"] for row in defined) / weight if weight else None), weight


def _tau_of_means(rows: Sequence[dict[str, Any]]) -> float | None:
    if len(rows) < 2:
        return None
    return tau_of(Pair.of([row["mean_score"] for row in rows], [row["mean_truth"] for row in rows]))


def _check(pair: Pair, leaf_A: npt.NDArray[Any], count: int) -> None:
    if leaf_A.shape != (pair.n,) or not np.issubdtype(leaf_A.dtype, np.integer):
        raise DataError(
            f"leaves must be one whole number for each of {pair.n} rows, found {leaf_A.dtype} of shape {leaf_A.shape}"
        )
    if int(leaf_A.max()) >= count:
        raise DataError(f"leaf {int(leaf_A.max())} has no name: {count} are named; name every leaf")
    if int((leaf_A >= 0).sum()) < 2:
        raise DataError("fewer than 2 rows are in a leaf; give at least 2")
