"""Leaves trained equally long, each by itself: the last step of few-shot training, of trees too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nasbench_harness.space import Subspace
from nasbench_harness.strategies.base import Leaf
from nasbench_harness.strategies.context import Context
from nasbench_harness.training.samplers import Sampler
from nasbench_harness.training.settings import WHOLE, Stage, Stretch

if TYPE_CHECKING:
    from nasbench_harness.supernet.network import Supernet
    from nasbench_harness.training.settings import LossCurve


def train_leaves(
    context: Context,
    untrained: Sequence[tuple[Subspace, Supernet]],
    share: int,
    sampler: Sampler,
    schedule: Stretch = WHOLE,
    window: Stretch = WHOLE,
) -> tuple[tuple[Leaf, ...], list[LossCurve]]:
    """Train each network in place for ``share`` architecture-updates on its subspace.

    Returns all leaves, and the loss curves of those that were trained: where no architecture has a path nothing can be,
    nor is the network ever run. ``window``: see ``Stage``.
    """
    count = len(untrained)
    stages = [
        (
            network,
            Stage(
                f"leaf {number}/{count}: {subspace.name}", subspace, share, sampler, schedule=schedule, window=window
            ),
        )
        for number, (subspace, network) in enumerate(untrained, 1)
        if subspace.connected().size
    ]
    curves = context.train_in_parallel(stages)
    updates = {stage.name: curve.updates[-1] for (_, stage), curve in zip(stages, curves, strict=True)}
    leaves = [
        Leaf(subspace, network, updates.get(f"leaf {number}/{count}: {subspace.name}", 0))
        for number, (subspace, network) in enumerate(untrained, 1)
    ]
    return tuple(leaves), curves
