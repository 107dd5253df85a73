"""Scores of an untrained network: what the scoring code makes of equal weights, on any machine.

Trained weights of two machines differ by more than rounding (``training.first_steps`` says why), so their scores say
nothing of the code that computed them. Initial weights derive from the seed alone.
"""

from __future__ import annotations

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


def reference_scores(network: Supernet, images: DeviceImages, batch_size: int) -> dict[str, Any]:
    """What an untrained network gives some cells by the code that scores trained ones, as plain JSON values.

    ``cells``: our indices of live cells; ``negative_loss`` in nats; ``[16]`` each.
    """
    every = connected_live_cells()
    cells = every[np.linspace(0, len(every) - 1, COUNT).astype(int)]
    found = score(SupernetScorable(network, None), cells, images, batch_size, Silent())
    return {"cells": cells.tolist(), "negative_loss": found.negative_loss.tolist()}
