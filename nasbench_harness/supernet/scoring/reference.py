"""Scores of an untrained network: what the scoring code makes of equal weights, on any machine.

Trained weights of two machines differ by more than rounding (``training.first_steps`` says why), so their scores say
nothing of the code that computed them. Initial weights derive from the seed alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nasbench_harness.images.batches import DeviceImages
from nasbench_harness.space import connected_live_cells
from nasbench_harness.supernet.network import Supernet
from nasbench_harness.supernet.scoring.scorable import score
from nasbench_harness.supernet.scoring.scores import SupernetScorable
from nasbench_harness.system.progress import Silent

COUNT = 16
"""Architectures that are scored: live cells, evenly spaced by our index."""


@dataclass(frozen=True)
class ReferenceScores:
    """Our indices of live cells, and the negative loss in nats that the network gives them, ``[16]`` each."""

    cells: tuple[int, ...]
    negative_loss: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"cells": list(self.cells), "negative_loss": list(self.negative_loss)}


def reference_scores(network: Supernet, images: DeviceImages, batch_size: int) -> ReferenceScores:
    """Scores that an untrained network gives some cells by the code that scores trained ones."""
    every = connected_live_cells()
    cells = every[np.linspace(0, len(every) - 1, COUNT).astype(int)]
    found = score(SupernetScorable(network, None), cells, images, batch_size, Silent())
    return ReferenceScores(tuple(cells.tolist()), tuple(found.negative_loss.tolist()))
