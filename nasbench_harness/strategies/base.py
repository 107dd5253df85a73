"""The contract of a strategy: from an untrained network to a scorer of architectures, under a budget."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nasbench_harness.registry import Registry, without_young
from nasbench_harness.space import N_ARCHITECTURES, Subspace, live_cell_of, route
from nasbench_harness.strategies.context import Context
from nasbench_harness.strategies.parallel import Measurement

if TYPE_CHECKING:
    from nasbench_harness.supernet.network import Supernet
    from nasbench_harness.supernet.scoring.scorable import Scorable
    from nasbench_harness.supernet.weights import TrainedNetworks
    from nasbench_harness.training.trainer import LossCurve

CELLS_A_CHUNK = 1000
"""Live cells scored between two checkpoints."""


@dataclass(frozen=True)
class Leaf:
    """A subspace with the network that speaks for it.

    ``updates`` are the architecture-updates that only this leaf was given, so without those of a common parent. Where
    leaves share a network, they are those of the architectures drawn from the leaf: counted from the schedule, and
    together all that the network was given.
    """

    subspace: Subspace
    network: Supernet
    updates: int


@dataclass(frozen=True)
class Scorer:
    """Trained networks ready to score; every architecture belongs to exactly one leaf.

    Leaves may share one network; then ``route_A`` ``[15625, cells]`` names the cell copies of each architecture. A
    strategy that narrows the space names in ``ranked`` what it still ranks; the leaves around it hold the architectures
    it left behind, each with the last network that covered them. ``details`` (plain JSON values) go into the record.
    """

    leaves: tuple[Leaf, ...]
    losses: tuple[LossCurve, ...]
    context: Context
    route_A: np.ndarray | None = None
    ranked: Subspace | None = None
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def leaf_A(self) -> np.ndarray:
        """Number of the leaf that scores each of the 15,625 architectures, -1 where none does.

        An architecture is scored as its live cell, so by the leaf that holds that cell.
        """
        return route([leaf.subspace for leaf in self.leaves])[live_cell_of()]

    @property
    def parameter_count(self) -> int:
        """Trainable numbers over all distinct networks, without cell copies that no architecture is routed to."""
        from nasbench_harness.supernet.network import parameter_count

        total = 0
        for network in {id(x.network): x.network for x in self.leaves}.values():
            total += parameter_count(network)
            if self.route_A is None:
                continue
            run = [leaf.subspace.connected().members for leaf in self.leaves if leaf.network is network]
            used = self.route_A[np.concatenate(run)].T  # [cells, n]
            for copies, chosen in zip(network.copies, used, strict=True):
                total -= sum(parameter_count(one) for number, one in enumerate(copies) if number not in chosen)
        return total

    def score(self, architectures: np.ndarray) -> dict[str, np.ndarray]:
        """Score live cells (our indices ``[n]``, ascending), each by the leaf that holds it.

        Signal -> float64 ``[n]``, higher is better: ``accuracy`` in percent, ``negative_loss`` in nats; a strategy may
        add signals of its own.
        """
        networks = {id(leaf.network): leaf.network for leaf in self.leaves}.values()
        jobs = []
        for network in networks:
            held = [leaf.subspace.members for leaf in self.leaves if leaf.network is network]
            jobs.append((network, np.intersect1d(architectures, np.concatenate(held))))
        signals = {name: np.full(N_ARCHITECTURES, np.nan) for name in ("accuracy", "negative_loss")}
        for (_, cells), scores in zip(jobs, self.scores_by_network(jobs), strict=True):
            for name, values in scores.items():
                signals[name][cells] = values
        return {name: values[architectures] for name, values in signals.items()}

    def scores_by_network(self, jobs: Sequence[tuple[Supernet, np.ndarray]]) -> list[dict[str, np.ndarray]]:
        """For each network with live cells (our indices ``[n]``): signal -> float64 ``[n]`` of these cells, in order.

        Metered, resumable, and in several processes where the context has them.
        """
        chunks = []
        for number, (network, cells) in enumerate(jobs):
            scorable = self.scorable(network)
            # cells of one function next to each other: they are run once where they share a chunk
            ordered = cells[np.argsort(scorable.functions(cells), kind="stable")]
            for start in range(0, len(ordered), CELLS_A_CHUNK):
                chunk = Chunk(scorable, ordered[start : start + CELLS_A_CHUNK])
                chunks.append((number, f"scores of network {number} from {start}", chunk))
        self.context.progress.start("scoring", sum(len(cells) for _, cells in jobs), "cells")
        found = self.context.measure_in_parallel([Measurement(name, one, len(one.cells)) for _, name, one in chunks])
        signals = [{name: np.full(N_ARCHITECTURES, np.nan) for name in ("accuracy", "negative_loss")} for _ in jobs]
        for (number, _, chunk), scores in zip(chunks, found, strict=True):
            for name, values in scores.items():
                signals[number][name][chunk.cells] = values
        return [
            {name: values[cells] for name, values in own.items()} for (_, cells), own in zip(jobs, signals, strict=True)
        ]

    def chance(self) -> dict[str, float]:
        """What an architecture without a path scores, by signal; one without an entry puts it below all others.

        Asked for after ``score``, on which it may depend.
        """
        return chance_of(self.context.shape.classes)

    def trained(self) -> TrainedNetworks:
        """The distinct networks of the leaves, and which of them scores each architecture."""
        from nasbench_harness.supernet.weights import TrainedNetworks

        networks = {id(leaf.network): leaf.network for leaf in self.leaves}
        number_L = np.array([list(networks).index(id(leaf.network)) for leaf in self.leaves])
        leaf_A = self.leaf_A
        return TrainedNetworks(tuple(networks.values()), np.where(leaf_A < 0, -1, number_L[leaf_A]), self.route_A)

    def scorable(self, network: Supernet) -> Scorable:
        """How architectures use one of the networks."""
        from nasbench_harness.supernet.scoring.scores import SupernetScorable

        return SupernetScorable(network, self.route_A)


def chance_of(classes: int) -> dict[str, float]:
    """What guessing scores, by signal: percent, and minus the cross-entropy in nats."""
    return {"accuracy": 100.0 / classes, "negative_loss": -float(np.log(classes))}


@dataclass(frozen=True, eq=False)
class Chunk:
    """Scores of some live cells (our indices ``[n]``), as a measurement computes them."""

    scorable: Scorable
    cells: np.ndarray

    def __call__(self, context: Context) -> dict[str, np.ndarray]:
        """``accuracy`` and ``negative_loss`` ``[n]``, with recalibrated batch norm where the context asks for it."""
        return context.scores_of(self.scorable, self.cells)


class Strategy(ABC):
    """Everything from an untrained network to a score for each architecture. Members are frozen dataclasses."""

    status: ClassVar[str] = "adaptation"
    """"reproduction" of published code or text, "adaptation" to this space, or "control"."""

    source: ClassVar[str] = ""
    """Where the method is from: authors, venue, arXiv number."""

    extra_signals: ClassVar[tuple[str, ...]] = ()
    """Score signals that its scorer adds to ``accuracy`` and ``negative_loss``."""

    option_families: ClassVar[tuple[Registry[Any], ...]] = ()
    """Families whose members options choose, each option named as its family (``sampler``); see ``canonical``."""

    before_they_were_options: ClassVar[Mapping[str, Any]] = {}
    """What options stood for before they could be chosen, their defaults: left out of ``canonical`` at that value."""

    keeps_weights: ClassVar[bool] = True
    """Whether its networks and their cell copies are all that it scores with, so that weights kept can score again."""

    has_trajectory: ClassVar[bool] = False
    """Whether its stages cover the space all along, by networks that score as they are: see ``scoring.trajectory``."""

    can_be_rehearsed: ClassVar[bool] = False
    """Whether ``train`` leaves all that takes time or lasts to the context: then it may be begun twice, at first to see
    what it refuses."""

    @property
    def native_factor(self) -> float:
        """The published training length over that of its one-shot baseline; used by the rule "native" of the budget."""
        return 1.0

    def canonical(self) -> dict[str, Any]:
        """All options, defaults included; enters the identity of results.

        Options of ``option_families`` are spelled out: the table with the name and every option of the chosen member.
        Only ``before_they_were_options`` are left out at the value named there, so that older results stay valid.
        """
        options: dict[str, Any] = asdict(self)  # type: ignore[call-overload]
        chosen = {one.family: one.canonical(getattr(self, one.family)) for one in self.option_families}
        return without_young(options | chosen, self.before_they_were_options)

    def analysis(self, details: dict[str, Any], true_A: np.ndarray) -> dict[str, Any]:
        """What only this kind of strategy has to say once the truth is known, as plain JSON values.

        A ``headline`` (``{"text", "signal"}``: the method's own result in words, and the signal it ranks by itself) is
        shown beneath leaderboards. ``details`` are its scorer's; ``true_A`` ``[15625]`` has NaN where the truth has no
        value. Called after everything is trained and scored: ``train`` never sees the truth.
        """
        return {}

    def check_ready(self) -> None:  # noqa: B027 - most strategies need nothing more than the package
        """Raise ``UsageError`` when this machine lacks something that training needs, such as an optional package.

        Called for every unit of a run before the first one trains.
        """

    @abstractmethod
    def train(self, context: Context) -> Scorer:
        """Spend the context's budget; randomness comes from its seed axes only."""


strategies: Registry[Strategy] = Registry("strategy")
