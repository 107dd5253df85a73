"""Training of CLOSE from its options: curriculum, network and gate in, a scorer out."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from nasbench_harness.seeding import derive_seed
from nasbench_harness.space import CONV_1X1, CONV_3X3, connected_live_cells, index_to_code
from nasbench_harness.strategies.base import Leaf
from nasbench_harness.strategies.close.gate import Gate
from nasbench_harness.strategies.close.network import CloseNetwork
from nasbench_harness.strategies.close.options import CloseOptions
from nasbench_harness.strategies.close.scorer import CloseScorer
from nasbench_harness.strategies.close.scoring import representatives
from nasbench_harness.strategies.close.stage import Choice, CloseRun, Curriculum, fitting, fixed_choice
from nasbench_harness.strategies.context import Context
from nasbench_harness.training.samplers import samplers
from nasbench_harness.training.settings import Stage


def train(close: CloseOptions, context: Context) -> CloseScorer:
    """Spend the context's budget as ``Close.train`` says."""
    context = context.with_whole_batches()
    sampler = samplers.build(close.sampler)
    images = context.training.batch_size * sampler.per_step(context.space)
    learnt = close.gate == "learnt"
    starts = close.starts[: close.blocks] if close.curriculum else (0.0,) * close.blocks
    curriculum = fitting(context.budget.planned, images, starts, close.restart, learnt)
    network = new_network(close, context)
    choice = Choice(close.temperature, None if learnt else fixed_choice(context, close.blocks))
    losses = []
    for number, (first, last) in enumerate(curriculum.stages):
        name = "supernet after the restart" if number else "supernet"
        window = (curriculum.share(first), curriculum.share(last))
        stage = Stage(name, context.space, (last - first) * images, sampler, window=window)
        run = CloseRun(context, network, stage, curriculum, first, choice, close.inherit)
        losses += context.train_together([run], name)
    block_AE = choice.best(network, close.blocks)
    leaf = Leaf(context.space, network, context.budget.used)
    stands_for_A = representatives(block_AE)
    details = _details(curriculum, block_AE, stands_for_A, close.blocks)
    return CloseScorer((leaf,), tuple(losses), context, None, None, details, block_AE, stands_for_A)


def new_network(close: CloseOptions, context: Context) -> CloseNetwork:
    """An untrained network, with its gate where one learns; its weights depend on the seed axes alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(*context.seed_axes, "supernet", "initial weights"))
        gate = Gate(close.blocks, close.gate_shape) if close.gate == "learnt" and close.blocks > 1 else None
        network = CloseNetwork(context.shape, close.blocks, gate)
    network.precision = context.precision
    return network.to(context.train_images.labels.device)


def _details(curriculum: Curriculum, block_AE: np.ndarray, stands_for_A: np.ndarray, blocks: int) -> dict[str, Any]:
    """The curriculum in steps, and what the edges with convolutions of the connected live cells have chosen."""
    cells = connected_live_cells()
    convolved = np.isin(index_to_code(cells), (CONV_1X1, CONV_3X3))
    shares = np.array(
        [[(block_AE[cells, edge] == b)[convolved[:, edge]].mean() for b in range(blocks)] for edge in range(6)]
    )
    return {
        "steps": curriculum.steps,
        "blocks_from_step": list(curriculum.starts),
        "restart_at_step": curriculum.restart,
        "share_of_blocks_by_edge": shares.round(4).tolist(),
        "distinct_functions": len(np.unique(stands_for_A[cells])),
    }
