"""An ensemble: several supernets over the whole space, their rankings averaged; the control for methods with leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import UsageError
from nasbench_harness.metrics import kendall_tau
from nasbench_harness.strategies.base import Leaf, Scorer, Strategy, strategies
from nasbench_harness.strategies.context import Context
from nasbench_harness.strategies.trajectory import Look, StepAt, Trajectory, Watch
from nasbench_harness.training.samplers import samplers
from nasbench_harness.training.settings import Stage

if TYPE_CHECKING:
    from nasbench_harness.supernet.network import Supernet

Floats = npt.NDArray[np.float64]

SCALE = "percentile among the scored live cells, equal scores at the middle of their places, mean over the networks"


def mean_percentile(score_MC: Floats, at_MN: Floats) -> Floats:
    """Where values stand among the scores of each network, mean over the networks: percent, ``[N]``.

    ``score_MC``: scores of C cells by M networks; ``at_MN``: the values asked for, by network, mostly the scores
    themselves. 0 is below all scores, 100 above all; equal scores count half. Exact: values that stand equal in every
    network are equal here.
    """
    places_N = np.zeros(at_MN.shape[1], dtype=np.int64)
    for score_C, at_N in zip(score_MC, at_MN, strict=True):
        ascending = np.sort(score_C)
        places_N += np.searchsorted(ascending, at_N, "left") + np.searchsorted(ascending, at_N, "right")
    return np.asarray(places_N * (50.0 / max(1, score_MC.size)))


@dataclass(frozen=True)
class EnsembleScorer(Scorer):
    """One leaf, the whole space, scored by all ``networks``: ``accuracy`` and ``negative_loss`` are mean percentiles.

    They order as the members do by that signal and have its name, but not its unit; ``details["scale"]`` says so, and
    ``details["chance"]`` where an architecture without a path stands, which has the score of chance in every network.
    """

    networks: tuple[Supernet, ...] = ()

    @property
    def parameter_count(self) -> int:
        """Trainable numbers of all networks."""
        from nasbench_harness.supernet.network import parameter_count

        return sum(parameter_count(network) for network in self.networks)

    def score(self, architectures: np.ndarray) -> dict[str, np.ndarray]:
        """Mean percentiles ``[n]``, 0 to 100, by signal; Kendall's tau between the networks goes into ``details``."""
        members = self.scores_by_network([(network, architectures) for network in self.networks])
        signals, chance, agreement = {}, {}, {}
        for name, by_chance in super().chance().items():
            score_MC = np.stack([scores[name] for scores in members])
            signals[name] = mean_percentile(score_MC, score_MC)
            chance[name] = float(mean_percentile(score_MC, np.full((len(members), 1), by_chance))[0])
            agreement[name] = agreement_of(score_MC)
        self.details.update(scale=SCALE, chance=chance, tau_between_networks=agreement)
        return signals

    def chance(self) -> dict[str, float]:
        """The mean percentile of the score of chance, by signal."""
        return dict(self.details["chance"])


def agreement_of(score_MC: Floats) -> list[list[float | None]]:
    """Kendall's tau-b between the scores of each two networks, ``[M][M]``; ``None`` where a network orders nothing."""
    count = len(score_MC)
    tau_MM: list[list[float | None]] = [[None] * count for _ in range(count)]
    for one in range(count):
        for other in range(one + 1, count):
            tau = kendall_tau(score_MC[one], score_MC[other]) if score_MC.shape[1] > 1 else None
            tau_MM[one][other] = tau_MM[other][one] = None if tau is None else round(tau, 6)
    return tau_MM


@dataclass
class AveragedTrajectory(Trajectory):
    """A trajectory of the mean percentiles of several networks; a point is known once all of them have scored it.

    ``by_stage``: what each network scores by itself, by the name of its stage.
    """

    by_stage: Mapping[str, Trajectory] = field(default_factory=dict)

    @classmethod
    def averaging(cls, whole: Trajectory, stages: Sequence[str]) -> AveragedTrajectory:
        """The same trajectory, whose scores are put together from those of the networks that train in ``stages``."""
        by_stage = {name: Trajectory.of(whole.fractions, whole.cells, whole.images) for name in stages}
        averaged = cls(whole.fractions, whole.cells, whole.score_PC, whole.at_point, whole.images, by_stage)
        for one in by_stage.values():
            one.at_point = averaged.gather
        return averaged

    def alone(self) -> AveragedTrajectory:
        """The same for a process of its own, which puts nothing together."""
        return replace(self, at_point=None, by_stage={name: one.alone() for name, one in self.by_stage.items()})

    def watch(self, stage: Stage, step_at: StepAt, look: Look) -> Watch | None:
        """Who looks at one of the networks."""
        return self.by_stage[stage.name].watch(stage, step_at, look)

    def gather(self, point: int) -> None:
        """Take the mean percentiles of a point if all networks have scored it."""
        members = self.by_stage.values()
        if all(one.known(point) for one in members):
            found = {name: np.stack([one.score_PC[name][point] for one in members]) for name in self.score_PC}
            percentiles = {name: mean_percentile(score_MC, score_MC) for name, score_MC in found.items()}
            self.take(point, np.arange(len(self.cells)), percentiles)


@strategies.register("ensemble")
@dataclass(frozen=True)
class Ensemble(Strategy):
    """Several one-shot supernets that divide the budget equally; the mean of their rankings ranks (control).

    What more networks give without any partition: ``networks`` as many as a method has leaves. They differ by initial
    weights, architectures and images.
    """

    can_be_rehearsed: ClassVar[bool] = True
    keeps_weights: ClassVar[bool] = False
    status: ClassVar[str] = "control"
    source: ClassVar[str] = "control for methods with several networks"
    option_families = (samplers,)
    has_trajectory: ClassVar[bool] = True

    networks: int = 4
    sampler: str | dict[str, Any] = "uniform"

    def __post_init__(self) -> None:
        """Refuse fewer than two networks and an unknown sampler before anything is trained."""
        if self.networks < 2:
            raise UsageError(f"ensemble: networks must be at least 2, found {self.networks}; one is strategy one-shot")
        samplers.build(self.sampler)

    def train(self, context: Context) -> Scorer:
        """Train each network with its share of the budget."""
        sampler, share = samplers.build(self.sampler), context.budget.planned // self.networks
        step = context.training.batch_size * sampler.per_step(context.space)
        if share < step:
            raise UsageError(
                f"ensemble: {self.networks} networks get {share:,} architecture-updates each, less than one step of "
                f"{step:,}; raise the budget or lower networks"
            )
        names = [f"network {number}/{self.networks}" for number in range(1, self.networks + 1)]
        if context.trajectory is not None:
            context = replace(context, trajectory=AveragedTrajectory.averaging(context.trajectory, names))
        networks = tuple(context.new_network(name) for name in names)
        stages = [Stage(name, context.space, share, sampler) for name in names]
        losses = context.train_in_parallel(list(zip(networks, stages, strict=True)))
        leaf = Leaf(context.space, networks[0], context.budget.used)
        return EnsembleScorer((leaf,), tuple(losses), context, details={"networks": self.networks}, networks=networks)
