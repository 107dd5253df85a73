"""Scores of HM-NAS: parts of the masked supernet (S2), and what its importances and masks say (S1, S3).

The three rankings are defined in docs/methods/hm-nas.md.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, cast

import numpy as np

from nasbench_harness.space import N_ARCHITECTURES, N_EDGES
from nasbench_harness.strategies.base import Scorer
from nasbench_harness.strategies.context import Context
from nasbench_harness.strategies.hm_nas.network import Weighted, score_weighted_cells
from nasbench_harness.strategies.hm_nas.rankings import summed
from nasbench_harness.strategies.parallel import Measurement
from nasbench_harness.system.progress import Silent

if TYPE_CHECKING:
    from nasbench_harness.supernet.network import Supernet

CELLS_A_CHUNK = 500
"""Live cells scored between two checkpoints."""


@dataclass(frozen=True)
class HmNasScorer(Scorer):
    """Scores architectures as subsets of the masked supernet, and by its importances and masks alone.

    ``edge_weight_E`` ``[6]``: masked weights of the edges. ``tables``: further signals, each a sum over the edges of
    what ``[6, 5]`` says about the operation.
    """

    edge_weight_E: np.ndarray = field(default_factory=lambda: np.ones(N_EDGES))
    tables: dict[str, np.ndarray] = field(default_factory=dict)

    def score(self, architectures: np.ndarray) -> dict[str, np.ndarray]:
        """Signals as ``Scorer.score``, with ``masked_importance`` (S1) and, where there are masks, ``mask_logits``."""
        [leaf], context = self.leaves, self.context
        names = ("accuracy", "negative_loss", *self.tables)
        signals = {name: np.full(N_ARCHITECTURES, np.nan) for name in names}
        cells = np.intersect1d(architectures, leaf.subspace.members)
        chunks = [cells[start : start + CELLS_A_CHUNK] for start in range(0, len(cells), CELLS_A_CHUNK)]
        measurements = [
            Measurement(
                f"scores of the masked supernet from {number * CELLS_A_CHUNK}",
                MaskedChunk(leaf.network, chunk, self.edge_weight_E),
                len(chunk),
            )
            for number, chunk in enumerate(chunks)
        ]
        context.progress.start("scoring", len(cells), "cells")
        for chunk, found in zip(chunks, context.remember_apart(measurements), strict=True):
            for name, values in found.items():
                signals[name][chunk] = values
        for name, table_EO in self.tables.items():
            signals[name][cells] = summed(table_EO, cells)
        return {name: values[architectures] for name, values in signals.items()}


@dataclass(frozen=True, eq=False)
class MaskedChunk:
    """Scores of some live cells as subsets of a masked supernet, as a measurement computes them."""

    network: Supernet
    cells: np.ndarray
    edge_weight_E: np.ndarray

    def __call__(self, context: Context) -> dict[str, np.ndarray]:
        """``accuracy`` and ``negative_loss`` ``[n]``, with recalibrated batch norm where the context asks for it."""
        images, batch = context.scoring_images, context.scoring_batch
        if context.calibration:
            from nasbench_harness.supernet.scoring.recalibration import score_recalibrated

            weighted = cast("Supernet", Weighted(self.network, self.edge_weight_E))
            return asdict(score_recalibrated(weighted, self.cells, context.calibration, images, batch, Silent()))
        return asdict(score_weighted_cells(self.network, self.cells, self.edge_weight_E, images, batch, Silent()))
