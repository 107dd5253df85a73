"""Scores of CLOSE: every architecture with the blocks that were chosen for its edges in the end."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from nasbench_harness.space import N_ARCHITECTURES, N_EDGES, live_cell_of
from nasbench_harness.strategies.base import Scorer
from nasbench_harness.strategies.close.network import CloseNetwork
from nasbench_harness.strategies.close.scoring import CloseScorable
from nasbench_harness.supernet.network import Supernet


@dataclass(frozen=True)
class CloseScorer(Scorer):
    """``block_AE`` ``[15625, 6]``: the block of each edge of every architecture, equal for equal live cells.

    ``stands_for_A`` ``[15625]`` are their ``representatives``.
    """

    block_AE: np.ndarray = field(default_factory=lambda: np.zeros((N_ARCHITECTURES, N_EDGES), dtype=np.int64))
    stands_for_A: np.ndarray = field(default_factory=live_cell_of)

    def scorable(self, network: Supernet) -> CloseScorable:
        """The network with the blocks of all architectures."""
        assert isinstance(network, CloseNetwork), "CLOSE trains no other network"
        return CloseScorable(network, self.block_AE, self.stands_for_A)
