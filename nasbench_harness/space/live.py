"""Which edges of a cell can influence its output.

An edge is live when it lies on a path from input to output without `none`. Architectures that share their live edges
share every score of a supernet, so 9,445 live cells stand for all 15,625 architectures.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from nasbench_harness.space.architecture import N_ARCHITECTURES, N_EDGES, NONE, all_codes, code_to_index, frozen

# The four ways from node 0 to node 3, as edge numbers.
PATHS: tuple[tuple[int, ...], ...] = ((3,), (0, 4), (1, 5), (0, 2, 5))


@cache
def open_paths() -> npt.NDArray[np.bool_]:
    """bool [15625, 4]: whether each path of `PATHS` holds no `none`; read-only."""
    present_AE = all_codes() != NONE
    return frozen(np.stack([present_AE[:, list(path)].all(axis=1) for path in PATHS], axis=1))


@cache
def live_edges() -> npt.NDArray[np.bool_]:
    """bool [15625, 6]: whether each edge lies on an open path; read-only."""
    live_AE = np.zeros((N_ARCHITECTURES, N_EDGES), dtype=np.bool_)
    for path, open_A in zip(PATHS, open_paths().T, strict=True):
        live_AE[:, list(path)] |= open_A[:, None]
    return frozen(live_AE)


@cache
def connected() -> npt.NDArray[np.bool_]:
    """bool [15625]: whether a path leads from input to output (15,284 do; 341 do not); read-only."""
    return frozen(np.asarray(open_paths().any(axis=1)))


@cache
def live_cell_of() -> npt.NDArray[np.int64]:
    """int64 [15625]: index of the same architecture with its dead edges set to `none`; read-only.

    The representative computes the same function with the same supernet weights. All architectures without a path map
    to index 0, the cell of six `none`.
    """
    return frozen(code_to_index(np.where(live_edges(), all_codes(), NONE)))


@cache
def live_cells() -> npt.NDArray[np.int64]:
    """int64 [9445]: sorted indices of the representatives in `live_cell_of`, index 0 (no path) included; read-only."""
    return frozen(np.unique(live_cell_of()))


@cache
def connected_live_cells() -> npt.NDArray[np.int64]:
    """int64 [9444]: the `live_cells` with a path, the ones that a supernet has to run; sorted, read-only."""
    return frozen(live_cells()[connected()[live_cells()]])
