"""CLOSE: blocks of operations shared by all edges, more of them as training goes on (Zhou et al., ECCV 2022)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import torch

from nasbench_harness.errors import UsageError
from nasbench_harness.seeding import derive_seed
from nasbench_harness.space import CONV_1X1, CONV_3X3, connected, index_to_code, live_cells
from nasbench_harness.strategies.base import Context, Leaf, Scorer, Strategy, strategies
from nasbench_harness.strategies.close_run import Choice, CloseRun, Curriculum, fitting, fixed_choice
from nasbench_harness.strategies.close_scorer import CloseScorer
from nasbench_harness.supernet.gate import Gate, GateShape
from nasbench_harness.supernet.glow import GlowNetwork
from nasbench_harness.supernet.glow_scoring import glow_representatives
from nasbench_harness.training.samplers import samplers
from nasbench_harness.training.settings import Stage


@strategies.register("close")
@dataclass(frozen=True)
class Close(Strategy):
    """A curriculum on the sharing extent: blocks of operations for all edges, and a gate between them (CLOSE).

    Block k joins at fraction ``starts[k]`` of the training steps and begins as its initial weights plus those of the
    block before (``inherit``). At fraction ``restart`` optimiser and learning rate start again (0: never). ``gate``
    "learnt": trained with the weights, its choices drawn at ``temperature``. The ablations: ``blocks = 1`` (all edges
    share), ``gate = "random"`` (a fixed random block for each edge of each cell), ``curriculum = false`` (all blocks
    from the start), ``inherit = false``. See methods 8.
    """

    blocks: int = 4
    starts: tuple[float, ...] = (0.0, 0.2, 0.4, 0.6)
    curriculum: bool = True
    inherit: bool = True
    restart: float = 0.4
    gate: Literal["learnt", "random"] = "learnt"
    gate_shape: GateShape = field(default_factory=GateShape)
    temperature: float = 5.0
    sampler: str | dict[str, Any] = "uniform"

    status: ClassVar[str] = "adaptation"
    source: ClassVar[str] = "Zhou, Ning et al., CLOSE, ECCV 2022, arXiv 2207.07868; code: walkerning/aw_nas"

    def __post_init__(self) -> None:
        """Refuse impossible numbers before anything is trained."""
        samplers.build(self.sampler)
        if not 1 <= self.blocks <= len(self.starts):
            raise UsageError(
                f"blocks must be from 1 to {len(self.starts)}, the number of starts, found {self.blocks}; "
                "give starts a fraction for each block"
            )
        if self.starts[0] != 0 or list(self.starts) != sorted(self.starts) or self.starts[-1] >= 1:
            raise UsageError(f"starts must ascend from 0 and stay below 1, found {list(self.starts)}")
        if not 0 <= self.restart < 1:
            raise UsageError(f"restart must be at least 0 (never) and below 1, found {self.restart}")
        if not self.temperature > 0:
            raise UsageError(f"temperature must be above 0, found {self.temperature}")
        shape = self.gate_shape
        sizes = (shape.operation_embedding, shape.node_embedding, shape.hidden, *shape.graph_layers, *shape.mlp_layers)
        if min(sizes) < 1 or not shape.graph_layers:
            raise UsageError(f"sizes of the gate must be at least 1, and one graph layer be there, found {shape}")
        if not 0 <= shape.dropout < 1:
            raise UsageError(f"gate_shape.dropout must be at least 0 and below 1, found {shape.dropout}")

    def canonical(self) -> dict[str, Any]:
        """All options, the sampler spelled out."""
        return {**super().canonical(), "sampler": samplers.canonical(self.sampler)}

    def train(self, context: Context) -> Scorer:
        """Train through the curriculum; the gate then settles the blocks of every architecture."""
        sampler = samplers.build(self.sampler)
        images = context.training.batch_size * sampler.per_step(context.space)
        learnt = self.gate == "learnt"
        starts = self.starts[: self.blocks] if self.curriculum else (0.0,) * self.blocks
        curriculum = fitting(context.budget.planned, images, starts, self.restart, learnt)
        network = self._network(context)
        choice = Choice(self.temperature, None if learnt else fixed_choice(context, self.blocks))
        losses = []
        for number, (first, last) in enumerate(curriculum.stages):
            name = "supernet after the restart" if number else "supernet"
            stage = Stage(name, context.space, (last - first) * images, sampler)
            run = CloseRun(context, network, stage, curriculum, first, choice, self.inherit)
            losses += context.train_together([run], name)
        block_AE = choice.best(network, self.blocks)
        leaf = Leaf(context.space, network, context.budget.used)
        stands_for_A = glow_representatives(block_AE)
        details = _details(curriculum, block_AE, stands_for_A, self.blocks)
        return CloseScorer((leaf,), tuple(losses), context, None, None, details, block_AE, stands_for_A)

    def _network(self, context: Context) -> GlowNetwork:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(*context.seed_axes, "supernet", "initial weights"))
            gate = Gate(self.blocks, self.gate_shape) if self.gate == "learnt" and self.blocks > 1 else None
            network = GlowNetwork(context.shape, self.blocks, gate)
        network.precision = context.precision
        return network.to(context.train_images.labels.device)


def _details(curriculum: Curriculum, block_AE: np.ndarray, stands_for_A: np.ndarray, blocks: int) -> dict[str, Any]:
    """The curriculum in steps, and what the edges with convolutions of the connected live cells have chosen."""
    cells = live_cells()[connected()[live_cells()]]
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
