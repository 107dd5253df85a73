"""Scores of HM-NAS: parts of the masked supernet (S2), and what its importances and masks say (S1, S3; methods 6)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, cast

import numpy as np

from nasbench_harness.progress import Silent
from nasbench_harness.space import N_ARCHITECTURES, N_EDGES
from nasbench_harness.strategies.base import Scorer
from nasbench_harness.strategies.hm_nas_rankings import summed
from nasbench_harness.supernet.masked import Weighted, score_weighted_cells

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
        context.progress.start("scoring", len(cells), "cells")
        for start in range(0, len(cells), CELLS_A_CHUNK):
            chunk = cells[start : start + CELLS_A_CHUNK]

            def measure(chunk: np.ndarray = chunk) -> dict[str, np.ndarray]:
                images, batch = context.scoring_images, context.scoring_batch
                if context.calibration:
                    from nasbench_harness.supernet.recalibration import score_recalibrated

                    weighted = cast("Supernet", Weighted(leaf.network, self.edge_weight_E))
                    return asdict(score_recalibrated(weighted, chunk, context.calibration, images, batch, Silent()))
                return asdict(score_weighted_cells(leaf.network, chunk, self.edge_weight_E, images, batch, Silent()))

            for name, values in context.remember(f"scores of the masked supernet from {start}", measure).items():
                signals[name][chunk] = values
            context.progress.advance(len(chunk))
        for name, table_EO in self.tables.items():
            signals[name][cells] = summed(table_EO, cells)
        return {name: values[architectures] for name, values in signals.items()}
