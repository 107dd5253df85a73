"""Which architectures are scored, and the scores of live cells spread over them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from nasbench_harness.seeding import derive_rng
from nasbench_harness.space import N_ARCHITECTURES, connected_live_cells, live_cell_of, sample_of_space


def architectures_of(experiment: str, count: int | None) -> npt.NDArray[np.int64]:
    """Our indices, ascending, of all architectures (None) or of a sample of ``count``.

    The sample depends on the name of the experiment alone, so that its strategies, seeds and settings rank the same.
    """
    return np.arange(N_ARCHITECTURES) if count is None else _sample(experiment, count).copy()


@lru_cache(maxsize=8)
def _sample(experiment: str, count: int) -> npt.NDArray[np.int64]:
    return sample_of_space(count, derive_rng(experiment, "sampled architectures"))


def cells_of(architectures: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The live cells that architectures with a path are scored as, ascending."""
    return np.intersect1d(live_cell_of()[architectures], connected_live_cells())


def spread(
    signals: Mapping[str, npt.NDArray[np.float64]],
    cells: npt.NDArray[np.int64],
    architectures: npt.NDArray[np.int64],
    chance: Mapping[str, float],
) -> dict[str, npt.NDArray[np.float32]]:
    """Spread the scores of live cells ``[..., C]`` over ``architectures`` ``[n]``; without a path one scores as chance.

    For signals without a chance value it takes a place below all others. Float32, as they are stored: the record's
    metrics can be computed again from the stored scores to the last digit.
    """
    found = {}
    for name, values in signals.items():
        below = values.min() - 1.0 if values.size else 0.0
        score_A = np.full((*values.shape[:-1], N_ARCHITECTURES), chance.get(name, below), dtype=np.float32)
        score_A[..., cells] = values
        found[name] = score_A[..., live_cell_of()[architectures]]
    return found
