"""CLOSE: blocks of operations shared by all edges, more of them as training goes on (Zhou et al., ECCV 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nasbench_harness.strategies.base import Scorer, Strategy, strategies
from nasbench_harness.strategies.close.options import CloseOptions
from nasbench_harness.strategies.context import Context
from nasbench_harness.training.samplers import samplers


@strategies.register("close")
@dataclass(frozen=True)
class Close(CloseOptions, Strategy):
    """A curriculum on the sharing extent: blocks of operations for all edges, and a gate between them (CLOSE).

    Block k joins at fraction ``starts[k]`` of the training steps and begins as its initial weights plus those of the
    block before (``inherit``). At fraction ``restart`` optimiser and learning rate start again (0: never). ``gate``
    "learnt": trained with the weights, its choices drawn at ``temperature``. The ablations: ``blocks = 1`` (all edges
    share), ``gate = "random"`` (a fixed random block for each edge of each cell), ``curriculum = false`` (all blocks
    from the start), ``inherit = false``. See docs/methods/close.md.
    """

    can_be_rehearsed: ClassVar[bool] = True
    keeps_weights: ClassVar[bool] = False
    has_trajectory: ClassVar[bool] = True
    status: ClassVar[str] = "adaptation"
    source: ClassVar[str] = "Zhou, Ning et al., CLOSE, ECCV 2022, arXiv 2207.07868; code: walkerning/aw_nas"
    option_families = (samplers,)

    def train(self, context: Context) -> Scorer:
        """Train through the curriculum; the gate then settles the blocks of every architecture."""
        from nasbench_harness.strategies.close.training import train

        return train(self, context)
