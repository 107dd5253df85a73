"""Scores of HM-NAS: parts of the masked supernet (S2), and what its importances and masks say (S1, S3).

The three rankings are defined in docs/methods/hm-nas.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from nasbench_harness.space import N_EDGES
from nasbench_harness.strategies.base import Scorer
from nasbench_harness.strategies.hm_nas.network import WeightedScorable
from nasbench_harness.strategies.hm_nas.rankings import summed
from nasbench_harness.supernet.network import Supernet


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
        signals = super().score(architectures)
        ranked = np.isin(architectures, self.leaves[0].subspace.members)
        for name, table_EO in self.tables.items():
            signals[name] = np.where(ranked, summed(table_EO, architectures), np.nan)
        return signals

    def scorable(self, network: Supernet) -> WeightedScorable:
        """The masked supernet with the weights of its edges."""
        return WeightedScorable(network, self.edge_weight_E)
