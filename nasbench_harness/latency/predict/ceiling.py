"""How well any predictor could rank a measured column: the agreement of cells that compute the same graph.

Where the edge between the inner nodes is ``none``, exchanging the two nodes gives a cell that runs the same operations
on the same inputs. The file holds two independent measurements of such a network. Their rank correlation r bounds what
can be predicted: a perfect predictor correlates with one noisy measurement by about the square root of r.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.metrics import spearman
from nasbench_harness.space import N_ARCHITECTURES, NONE, all_codes, code_to_index
from nasbench_harness.space.architecture import frozen

FloatArray = npt.NDArray[np.float64]

_SWAPPED = (1, 0, 2, 3, 5, 4)  # edge that takes the place of each edge when nodes 1 and 2 change places
_LEAST_PAIRS = 100


@cache
def mirrored() -> npt.NDArray[np.int64]:
    """int64 ``[P, 2]``: our indices of two different architectures that compute the same graph; read-only."""
    mirror_A = code_to_index(all_codes()[:, _SWAPPED])
    index_A = np.arange(N_ARCHITECTURES)
    first = np.flatnonzero((all_codes()[:, 2] == NONE) & (index_A < mirror_A))
    return frozen(np.stack([first, mirror_A[first]], axis=1))


def ceiling(ms_A: FloatArray, predicted_A: FloatArray | None = None) -> dict[str, Any] | None:
    """Reliability of a column among mirrored pairs, and the best Spearman that it leaves possible on those rows.

    ``ms_A``: float64 ``[15625]``, NaN where unknown. ``predicted_A``: predictions, whose Spearman on the same rows is
    given beside it. None where fewer than 100 pairs are measured.
    """
    known_P = ~np.isnan(ms_A[mirrored()]).any(axis=1)
    pairs_P2 = mirrored()[known_P]
    if len(pairs_P2) < _LEAST_PAIRS:
        return None
    rows = pairs_P2.T.ravel()
    others = pairs_P2[:, ::-1].T.ravel()  # both orders: neither of a pair is the first
    reliability = spearman(ms_A[rows], ms_A[others])
    if reliability is None or reliability <= 0:
        return None
    found = {"pairs": len(pairs_P2), "reliability": reliability, "spearman": float(np.sqrt(reliability))}
    if predicted_A is not None:
        found["predictor_on_these"] = spearman(predicted_A[rows], ms_A[rows]) or 0.0
    return found
