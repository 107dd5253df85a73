"""One column of scores judged: its metrics, with what counting multiply-adds leaves to know, and their breakdown."""

from __future__ import annotations

import copy
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.metrics import breakdown, evaluate
from nasbench_harness.metrics.report import RESAMPLES
from nasbench_harness.space import convolution_count, flops, nonlinearity_count


def judge_column(
    score_A: npt.ArrayLike,
    true_A: npt.NDArray[np.float64],
    index_A: npt.NDArray[np.int64],
    resamples: int = RESAMPLES,
) -> dict[str, Any]:
    """What a record says of one score column: the fields of ``Metrics``, and ``breakdown``; plain JSON values.

    ``score_A``, ``true_A``: of the architectures ``index_A`` (our indices), ``[n]`` each. Groups of equal multiply-adds
    and the breakdown by convolutions count live edges alone: dead ones change no score.
    """
    found = evaluate(score_A, true_A, flops=flops(live=True)[index_A], resamples=resamples).to_json()
    return found | {"breakdown": breakdown(score_A, true_A, _composition(index_A))}


def references(
    index_A: npt.NDArray[np.int64], true_A: npt.NDArray[np.float64], resamples: int = RESAMPLES
) -> dict[str, dict[str, Any]]:
    """Rankings of the architectures ``index_A`` ``[n]`` that need no training, judged by their true values ``[n]``.

    A supernet that loses to counting FLOPs must be seen to, so they stand beside every result; for all the results of a
    run they are found once.
    """
    found = _references(index_A.astype(np.int64).tobytes(), true_A.astype(np.float64).tobytes(), resamples)
    return copy.deepcopy(found)


@lru_cache(maxsize=4)
def _references(index: bytes, true: bytes, resamples: int) -> dict[str, dict[str, Any]]:
    index_A, true_A = np.frombuffer(index, dtype=np.int64), np.frombuffer(true, dtype=np.float64)
    counts = {"flops": flops(), "live_flops": flops(live=True)}
    return {name: judge_column(c[index_A], true_A, index_A, resamples) for name, c in counts.items()}


def _composition(index_A: npt.NDArray[np.int64]) -> dict[str, npt.NDArray[Any]]:
    return {"convolutions": convolution_count()[index_A], "nonlinearities": nonlinearity_count()[index_A]}
