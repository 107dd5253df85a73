"""Training of sibling sub-supernets in turns, each learning from the others and their parent."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nasbench_harness.errors import UsageError
from nasbench_harness.space import Subspace
from nasbench_harness.strategies.context import Context
from nasbench_harness.training.budget import FORWARDS_AN_UPDATE
from nasbench_harness.training.objectives import CrossEntropy, Objective
from nasbench_harness.training.samplers import Sampler
from nasbench_harness.training.settings import WHOLE, Stage, Stretch

if TYPE_CHECKING:
    from nasbench_harness.strategies.hep_nas.distillation import Peer
    from nasbench_harness.supernet.network import Supernet
    from nasbench_harness.training.settings import LossCurve

Smd = Literal["both", "peers", "single-teacher", "none"]


@dataclass(frozen=True)
class Distillation:
    """How siblings learn from each other: ``mode``, "none" for not at all, and how many peers a step at most."""

    mode: Smd = "both"
    max_peers: int | None = None

    def __post_init__(self) -> None:
        """Refuse fewer than one peer."""
        if self.max_peers is not None and self.max_peers < 1:
            raise UsageError(f"max_peers must be at least 1, found {self.max_peers}")

    def objective(self, peers: Sequence[Peer], teacher: Supernet, seed_axes: tuple[object, ...]) -> Objective:
        """What a sibling minimises."""
        if self.mode == "none":
            return CrossEntropy()
        from nasbench_harness.strategies.hep_nas.distillation import MutualDistillation

        return MutualDistillation(peers, teacher, self.mode, seed_axes, self.max_peers)

    def cost(self, siblings: int) -> float:
        """Architecture-updates that the meter counts for each update of one of so many siblings."""
        if self.mode == "none":
            return 1.0
        peers = siblings - 1 if self.mode != "single-teacher" else 0
        forwards = min(peers, self.max_peers or peers) + (self.mode != "peers")
        return 1 + forwards / FORWARDS_AN_UPDATE


@dataclass(frozen=True)
class Siblings:
    """The outcome: networks in the order of the subspaces, updates of each, loss curves of those trained."""

    networks: tuple[Supernet, ...]
    updates: tuple[int, ...]
    losses: tuple[LossCurve, ...]


def train_siblings(
    context: Context,
    name: str,
    parent: Supernet,
    subspaces: Sequence[Subspace],
    edges: tuple[int, ...],
    budget: int,
    sampler: Sampler,
    distillation: Distillation,
    schedule: Stretch = WHOLE,
    windows: Sequence[Stretch] | None = None,
) -> Siblings:
    """Train a copy of ``parent`` for each subspace, an epoch each in turns; all of them share ``budget`` equally.

    ``edges`` are those on which the subspaces differ: a peer answers with these redrawn. The parent stays as it is and
    teaches. ``schedule`` is the stretch of the cosine that each goes through; ``windows``, one each: see ``Stage``. A
    subspace without any path is not trained and keeps the parent. ``UsageError`` when the share is less than a step.
    """
    from nasbench_harness.strategies.hep_nas.distillation import Peer

    living = [number for number, subspace in enumerate(subspaces) if subspace.connected().size]
    networks = [copy.deepcopy(parent) if number in living else parent for number in range(len(subspaces))]
    share = budget // max(1, len(living))
    runs = []
    for number in living:
        peers = [Peer(networks[other], subspaces[other], edges) for other in living if other != number]
        title = f"{name} {number + 1}/{len(subspaces)}: {subspaces[number].name}"
        objective = distillation.objective(peers, parent, (*context.seed_axes, title, "counterparts"))
        window = windows[number] if windows else WHOLE
        stage = Stage(title, subspaces[number], share, sampler, objective, schedule=schedule, window=window)
        if stage.steps(context.batches) < 1:
            raise UsageError(
                f"{name}: {len(living)} children share {budget:,} architecture-updates, which gives them less than a "
                f"step each with {objective.forwards} forward passes of distillation; raise the budget or lower "
                "max_peers or the number of children"
            )
        runs.append(context.stage_run(networks[number], stage))
    losses = context.train_together(runs, name)
    updates = [0] * len(subspaces)
    for number, run in zip(living, runs, strict=True):
        updates[number] = run.updates
    return Siblings(tuple(networks), tuple(updates), tuple(losses))
