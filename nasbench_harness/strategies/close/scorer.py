"""Scores of CLOSE: every architecture with the blocks that were settled for its edges."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import cast

import numpy as np

from nasbench_harness.space import N_ARCHITECTURES, N_EDGES, live_cell_of
from nasbench_harness.strategies.base import Scorer
from nasbench_harness.strategies.close.network import GlowNetwork
from nasbench_harness.strategies.close.scoring import score_glow_cells
from nasbench_harness.system.progress import Silent

CELLS_A_CHUNK = 500
"""Live cells scored between two checkpoints."""


@dataclass(frozen=True)
class CloseScorer(Scorer):
    """``block_AE`` ``[15625, 6]``: the block of each edge of every architecture, equal for equal live cells.

    ``stands_for_A`` ``[15625]`` are their ``glow_representatives``.
    """

    block_AE: np.ndarray = field(default_factory=lambda: np.zeros((N_ARCHITECTURES, N_EDGES), dtype=np.int64))
    stands_for_A: np.ndarray = field(default_factory=live_cell_of)

    def score(self, architectures: np.ndarray) -> dict[str, np.ndarray]:
        """Signals as ``Scorer.score``."""
        [leaf], context = self.leaves, self.context
        network = cast("GlowNetwork", leaf.network)
        signals = {name: np.full(N_ARCHITECTURES, np.nan) for name in ("accuracy", "negative_loss")}
        cells = np.intersect1d(architectures, leaf.subspace.members)
        # cells of one function next to each other: they are run once where they share a chunk
        cells = cells[np.argsort(self.stands_for_A[cells], kind="stable")]
        context.progress.start("scoring", len(cells), "cells")
        for start in range(0, len(cells), CELLS_A_CHUNK):
            chunk = cells[start : start + CELLS_A_CHUNK]

            def measure(chunk: np.ndarray = chunk) -> dict[str, np.ndarray]:
                images, batch = context.scoring_images, context.scoring_batch
                if context.calibration:
                    from nasbench_harness.supernet.scoring.recalibration import score_recalibrated

                    found = score_recalibrated(
                        network, chunk, context.calibration, images, batch, Silent(), self.block_AE
                    )
                    return asdict(found)
                found = score_glow_cells(network, chunk, self.block_AE, self.stands_for_A, images, batch, Silent())
                return asdict(found)

            for name, values in context.remember(f"scores from {start}", measure).items():
                signals[name][chunk] = values
            context.progress.advance(len(chunk))
        return {name: values[architectures] for name, values in signals.items()}
