"""A score and a truth for the same architectures, checked once: what every metric starts from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError, UsageError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Pair:
    """Scores and truth of n architectures, float64 [n] each, and their dense order codes (higher is better).

    The codes keep order and ties and sort far faster than floats, which a bootstrap of rank statistics needs. Orders
    are best first; equal values keep the order of the rows, so a tie in the scores never looks at the truth.
    """

    score_A: Floats
    truth_A: Floats
    score_code_A: npt.NDArray[Any]
    truth_code_A: npt.NDArray[Any]

    @classmethod
    def of(cls, score: npt.ArrayLike, truth: npt.ArrayLike) -> Pair:
        """Check the vectors; `DataError` names unequal lengths, fewer than 2 rows, or the first row not finite."""
        score_A, truth_A = checked_vector(score, "score"), checked_vector(truth, "truth")
        if score_A.size != truth_A.size:
            raise DataError(
                f"score has {score_A.size} rows and truth has {truth_A.size}: "
                "give both for the same architectures in the same order"
            )
        if score_A.size < 2:
            raise DataError(f"a comparison needs at least 2 architectures, found {score_A.size}: give more rows")
        return cls(score_A, truth_A, _dense(score_A), _dense(truth_A))

    @property
    def n(self) -> int:
        """Number of architectures."""
        return int(self.score_A.size)

    @property
    def undefined(self) -> bool:
        """Whether a correlation is undefined: fewer than 2 rows, or one side has the same value everywhere."""
        if self.n < 2:
            return True
        return any(bool(code_A.min() == code_A.max()) for code_A in (self.score_code_A, self.truth_code_A))

    @cached_property
    def by_score(self) -> npt.NDArray[np.int64]:
        """Row numbers from the best score to the worst."""
        return _best_first(self.score_code_A)

    @cached_property
    def by_truth(self) -> npt.NDArray[np.int64]:
        """Row numbers from the truly best to the worst."""
        return _best_first(self.truth_code_A)

    def take(self, rows: npt.NDArray[np.int64]) -> Pair:
        """The pair of some rows, repeats allowed."""
        return Pair(self.score_A[rows], self.truth_A[rows], self.score_code_A[rows], self.truth_code_A[rows])


def checked_vector(values: npt.ArrayLike, name: str) -> Floats:
    """A float64 vector; `DataError` if it is not one-dimensional, not numeric, or names the first row not finite."""
    try:
        vector = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} must hold one number a row: {error}") from error
    if vector.ndim != 1:
        raise DataError(f"{name} must be one column of numbers, found shape {vector.shape}: pass one column at a time")
    bad = np.flatnonzero(~np.isfinite(vector))
    if bad.size:
        raise DataError(
            f"{name} is {vector[bad[0]]} in row {bad[0]} (counted from 0; {bad.size} such row(s)): "
            "every row needs a finite number, score it again or leave it out"
        )
    return vector


def top_count(fraction: float, n: int) -> int:
    """floor(fraction * n), at least 1 (rounded down as in aw_nas); `UsageError` unless 0 < fraction <= 1."""
    if not 0 < fraction <= 1:
        raise UsageError(f"a top fraction lies in (0, 1], found {fraction}: give for example 0.1 for the top 10 %")
    return max(1, int(fraction * n + 1e-9))  # 0.29 * 100 is 28.999999999999996


def _dense(value_A: Floats) -> npt.NDArray[Any]:
    code_A = np.unique(value_A, return_inverse=True)[1]
    # numpy sorts 16-bit integers by radix: 30 times faster than floats.
    return code_A.astype(np.uint16) if code_A.max(initial=0) < 2**16 else code_A


def _best_first(code_A: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    return np.argsort(code_A.max() - code_A, kind="stable")
