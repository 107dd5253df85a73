"""What HM-NAS's importances and masks say about architectures: two rankings, and the one architecture it derives.

Columns of ``[6, 4]`` arrays are skip, 1 x 1 and 3 x 3 convolution, pooling; ``none`` on an edge means that the edge is
masked (our choice: HM-NAS has no ``none``).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nasbench_harness.metrics import kendall_tau
from nasbench_harness.metrics.correlation import mean_ranks
from nasbench_harness.space import (
    N_ARCHITECTURES,
    N_EDGES,
    N_OPERATIONS,
    NONE,
    all_codes,
    code_to_index,
    connected,
    index_to_code,
    live_cell_of,
)

EPSILON = 1e-6
"""What stands for an importance of nothing."""

FloatArray = npt.NDArray[np.float64]


def masked_importance(operation_EM: FloatArray, edge_E: FloatArray) -> FloatArray:
    """What each operation of an edge adds to ranking S1, ``[6, 5]``: the log of its share times that of its edge.

    ``operation_EM``: masked shares of the operations, ``edge_E``: masked weights of the edges, 0 = masked. An edge's
    weight b (1 where all edges of a node are equal) becomes a share b / (1 + b); ``none`` counts with what it leaves.
    """
    share_E = np.clip(edge_E / (1 + edge_E), EPSILON, 1 - EPSILON)
    kept_EM = np.log(share_E)[:, None] + np.log(operation_EM + EPSILON)
    return np.column_stack([np.log(1 - share_E), kept_EM])


def mask_logits(operation_EM: FloatArray, edge_E: FloatArray | None) -> FloatArray:
    """What each operation of an edge adds to ranking S3, ``[6, 5]``: real masks of operation and edge; ``none`` 0."""
    edge = np.zeros(N_EDGES) if edge_E is None else edge_E
    return np.column_stack([np.zeros(N_EDGES), operation_EM + edge[:, None]])


def summed(table_EO: FloatArray, index_N: npt.NDArray[np.int64]) -> FloatArray:
    """Sum over the six edges of what each architecture's operations add, ``[N]``."""
    return np.asarray(table_EO[np.arange(N_EDGES), index_to_code(index_N)].sum(axis=1))


def projected(operation_EM: FloatArray, edge_E: FloatArray) -> int:
    """Our index of the derived architecture: of each edge that is left the strongest operation that is left."""
    kept_E = (edge_E > 0) & (operation_EM > 0).any(axis=1)
    return int(code_to_index(np.where(kept_E, operation_EM.argmax(axis=1) + 1, NONE)))


def additive_ceiling(truth_A: npt.ArrayLike) -> float | None:
    """Tau-b that a sum of one number per (edge, operation) reaches when fitted to the truth itself.

    ``truth_A``: float ``[15625]``, NaN = unknown. The numbers are a least-squares fit to the ranks of the connected
    architectures, each as its live cell, as S1 and S3 see it; without a path an architecture comes last. Some other
    sum may do a little better: this is what S1 could have been, not a bound.
    """
    truth = np.asarray(truth_A, dtype=np.float64)
    known_A = ~np.isnan(truth)
    fitted_A = known_A & connected()
    rank_F = mean_ranks(np.unique(truth[fitted_A], return_inverse=True)[1])
    code_AE = all_codes()[live_cell_of()]
    chosen_AX = (code_AE[:, :, None] == np.arange(N_OPERATIONS)).reshape(N_ARCHITECTURES, -1).astype(np.float64)
    number_X = np.linalg.lstsq(chosen_AX[fitted_A], rank_F, rcond=None)[0]
    # rounding would break ties between architectures of one live cell
    sum_A = np.round(chosen_AX @ number_X, 6)
    sum_A[~connected()] = sum_A.min() - 1
    return kendall_tau(sum_A[known_A], truth[known_A])
