"""One-shot training: a single supernet over the whole space (SPOS)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from nasbench_harness.errors import UsageError
from nasbench_harness.space import Subspace
from nasbench_harness.strategies.base import Leaf, Scorer, Strategy, strategies
from nasbench_harness.strategies.context import Context
from nasbench_harness.training.samplers import samplers


@strategies.register("one-shot")
@dataclass(frozen=True)
class OneShot(Strategy):
    """One supernet over the whole space, single-path training (SPOS).

    ``channels`` replaces the experiment's width when given.
    """

    can_be_rehearsed: ClassVar[bool] = True
    status: ClassVar[str] = "reproduction"
    source: ClassVar[str] = (
        "Guo et al., SPOS, ECCV 2020, arXiv 1904.00420; samplers: Chu et al., FairNAS, arXiv 1907.01845; "
        "Oh, Lee, Ham, EFS-NAS, arXiv 2412.14678"
    )
    option_families = (samplers,)
    has_trajectory: ClassVar[bool] = True

    sampler: str | dict[str, Any] = "uniform"
    channels: int | None = None

    def __post_init__(self) -> None:
        """Refuse an unknown sampler and an impossible width before anything is trained."""
        samplers.build(self.sampler)
        if self.channels is not None and self.channels < 1:
            raise UsageError(f"channels must be at least 1, found {self.channels}")

    @property
    def native_factor(self) -> float:
        """As many architectures as a step trains: published with the steps of the baseline."""
        return float(samplers.build(self.sampler).per_step(Subspace.full()))

    def train(self, context: Context) -> Scorer:
        """Spend the whole budget in one stage."""
        from nasbench_harness.training.trainer import Stage

        shape = replace(context.shape, channels=self.channels or context.shape.channels)
        network = context.new_network("supernet", shape)
        sampler = samplers.build(self.sampler)
        loss = context.train(network, Stage("supernet", context.space, context.budget.planned, sampler))
        return Scorer((Leaf(context.space, network, context.budget.used),), (loss,), context)
