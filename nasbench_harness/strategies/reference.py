"""What must be equal up to rounding wherever a unit is run, however long it was trained."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from nasbench_harness.space import connected_live_cells
from nasbench_harness.strategies.base import Scorer
from nasbench_harness.strategies.context import Context
from nasbench_harness.training.checkpoints import Checkpoints

CELLS_A_LEAF = 2


def references(scorer: Scorer) -> dict[str, Any]:
    """For the record of a unit, from untrained networks: ``reference_scores``, and under ``reference`` the rest.

    That is ``moves``, and ``leaf_scores`` where leaves have supernets.
    """
    from nasbench_harness.supernet.network import Supernet
    from nasbench_harness.supernet.scoring.reference import reference_scores
    from nasbench_harness.training.reference import NAME, reference_moves

    context = scorer.context
    untrained = context.new_network("reference scores")
    scores = reference_scores(untrained, context.scoring_images, context.scoring_batch)
    network = context.new_network(NAME)
    found: dict[str, Any] = {
        "moves": reference_moves(network, context.train_images, context.training, context.seed_axes)
    }
    if type(scorer) is Scorer and all(type(leaf.network) is Supernet for leaf in scorer.leaves):
        found["leaf_scores"] = _leaf_scores(scorer, context)
    return {"reference_scores": scores, "reference": found}


def _leaf_scores(scorer: Scorer, context: Context) -> list[float]:
    """Negative losses in nats that the scorer gives some cells of each leaf, with new networks of different weights.

    So it is seen that each leaf is scored by its own network: after training, weights of two machines do not tell.
    """
    networks = {id(leaf.network): leaf.network for leaf in scorer.leaves}
    untrained = {
        key: context.new_network(f"reference leaf {number}", network.shape)
        for number, (key, network) in enumerate(networks.items())
    }
    alone = replace(context.alone(), checkpoints=Checkpoints(), trajectory=None)
    leaves = tuple(replace(leaf, network=untrained[id(leaf.network)]) for leaf in scorer.leaves)
    live = connected_live_cells()
    held = [np.intersect1d(live, leaf.subspace.members) for leaf in leaves]
    cells = np.unique(np.concatenate([cells[:: max(1, len(cells) - 1)][:CELLS_A_LEAF] for cells in held]))
    found: list[float] = replace(scorer, leaves=leaves, context=alone).score(cells)["negative_loss"].tolist()
    return found
