"""PAD-NAS: train, search under a constraint, prune the operations that good architectures do not use, train on.

Xia, Xiao, Wang, Zheng, PAD-NAS, WACV 2022, arXiv 2005.11014; what is ours in it: docs/methods/pad-nas.md.
"""

from __future__ import annotations

import copy
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nasbench_harness.errors import UsageError
from nasbench_harness.latency import open_latency
from nasbench_harness.search.constraint import Window, candidates_of
from nasbench_harness.search.inputs import COUNTS
from nasbench_harness.search.prune import COUNTING, counted, prune
from nasbench_harness.search.requirement import require_pymoo
from nasbench_harness.search.settings import SearchSettings
from nasbench_harness.seeding import derive_rng
from nasbench_harness.space import Subspace
from nasbench_harness.strategies.base import Scorer, Strategy, strategies
from nasbench_harness.strategies.context import Context
from nasbench_harness.strategies.pad_nas.report import paired_report
from nasbench_harness.strategies.pad_nas.scorer import PadNasScorer, front_rows, leaves_of, paired_sets
from nasbench_harness.strategies.pad_nas.search import LiveSearch, first_images, updates_of_search
from nasbench_harness.training.samplers import samplers
from nasbench_harness.training.settings import Stage

if TYPE_CHECKING:
    from nasbench_harness.search.evolution import SearchResult
    from nasbench_harness.search.prune import Pruning
    from nasbench_harness.supernet.network import Supernet
    from nasbench_harness.training.settings import LossCurve


@strategies.register("pad-nas")
@dataclass(frozen=True)
class PadNas(Strategy):
    """Progressive automatic design: a supernet trained in stages, its space pruned by a search between them.

    ``shares``: of the training budget for each stage; one stage is the paper's I-Supernet, two its P-Supernet, three
    PAD-NAS. Later stages inherit the weights and train at ``rate_scale`` times the rates. After every stage NSGA-II
    looks for high accuracy on ``images`` held-out images (0: all that score) at low ``cost`` inside ``window``; after
    all but the last it prunes what at most a share ``threshold`` of the good architectures has. ``cost``: ``flops``,
    ``live_flops`` or ``parameters``, all in millions, or the path of a latency table with a column ``device``.
    ``counting``: good architectures of the ``archive`` or of the final ``population``. ``paired``: architectures of the
    last space that every stage's network scores, for paired comparison. See docs/methods/pad-nas.md.
    """

    can_be_rehearsed: ClassVar[bool] = True
    cost: str = "flops"
    device: str | None = None
    window: tuple[float, float] | None = None
    threshold: float = 0.01
    shares: tuple[float, ...] = (0.50, 0.33, 0.17)
    rate_scale: float = 0.2
    population: int = 32
    generations: int = 10
    images: int = 500
    counting: str = "archive"
    sampler: str | dict[str, Any] = "uniform"
    paired: int = 500

    status: ClassVar[str] = "adaptation"
    source: ClassVar[str] = "Xia, Xiao, Wang, Zheng, PAD-NAS, WACV 2022, arXiv 2005.11014"
    option_families = (samplers,)

    def __post_init__(self) -> None:
        """Refuse impossible options before anything is trained."""
        samplers.build(self.sampler)
        self._settings()
        self._window()
        if not 0 <= self.threshold < 1:
            raise UsageError(f"threshold must be at least 0 and below 1, found {self.threshold:g}")
        if not self.shares or min(self.shares) <= 0:
            raise UsageError(f"shares must be one or more numbers above 0, found {list(self.shares)}")
        if self.counting not in COUNTING:
            raise UsageError(f"counting must be {' or '.join(COUNTING)}, found {self.counting!r}")
        if self.rate_scale <= 0:
            raise UsageError(f"rate_scale must be above 0, found {self.rate_scale:g}")
        if self.images < 0 or self.paired < 0:
            raise UsageError(f"images and paired must be at least 0, found {self.images} and {self.paired}")
        if self.cost in COUNTS and self.device is not None:
            raise UsageError(f"device {self.device!r} belongs to a latency table, not to the cost {self.cost!r}")

    def canonical(self) -> dict[str, Any]:
        """All options, the sampler spelled out; a latency table by the checksum of its column, wherever it lies."""
        window = None if self.window is None else list(self.window)
        options = super().canonical() | {"window": window, "shares": list(self.shares)}
        if self.cost not in COUNTS:
            options |= {
                "cost": "latency",
                "column_sha256": hashlib.sha256(self.cost_A().astype("<f8").tobytes()).hexdigest(),
            }
        return options

    def cost_A(self) -> np.ndarray:
        """Cost of every architecture, ``[15625]``, NaN where unknown: millions, or milliseconds."""
        if self.cost in COUNTS:
            return np.asarray(COUNTS[self.cost](), dtype=np.float64)
        if not Path(self.cost).exists():
            raise UsageError(f"cost {self.cost!r} is neither {', '.join(COUNTS)} nor the path of a latency table")
        table = open_latency(self.cost)
        return table.vector(table.only(self.device))

    def _settings(self) -> SearchSettings:
        return SearchSettings(population=self.population, generations=self.generations)

    def _window(self) -> Window:
        return Window() if self.window is None else Window(*self.window)

    def check_ready(self) -> None:
        """``UsageError`` for an empty window, or where its search would evolve and pymoo is not installed."""
        self._check_search(self.cost_A(), Subspace.full())

    def train(self, context: Context) -> Scorer:
        """Train, search and prune by turns; the last search returns the front."""
        cost_A, window, unit = self.cost_A(), self._window(), self._unit
        self._check_search(cost_A, context.space)
        images = first_images(context.scoring_images, self.images)
        reserve = updates_of_search(self._settings(), len(images))
        self._check_budget(context, reserve)
        sampler, stages = samplers.build(self.sampler), len(self.shares)
        network, space = context.new_network("supernet"), context.space
        losses: list[LossCurve] = []
        done: list[Trained] = []
        for number in range(stages):
            # what earlier searches left over is trained with; the searches to come keep their upper bound
            free = context.budget.left - (stages - number) * reserve
            updates = int(free * self.shares[number] / sum(self.shares[number:]))
            rate_scale = self.rate_scale if number else 1.0
            stage = Stage(f"stage {number + 1}/{stages}", space, updates, sampler, rate_scale=rate_scale)
            losses.append(context.train(network, stage))
            searching = LiveSearch(f"search {number + 1}/{stages}", context, network, images)
            found = searching.run(cost_A, space, window, self._settings(), unit)
            last = number + 1 == stages
            pruning = None if last else self._prune(found, cost_A, space, unit)
            done.append(Trained(network, space, losses[-1].updates[-1], found, pruning))
            if pruning is not None:
                network, space = copy.deepcopy(network), pruning.after
        cost = {"name": self.cost if self.cost in COUNTS else "latency", "unit": unit, "window": window.to_json()}
        details = {
            "cost": cost,
            "images_of_a_search": len(images),
            "updates_kept_for_a_search": reserve,
            "stages": [each.to_json() for each in done],
            "front": front_rows(found),
            "returned": found.best,
        }
        leaves = leaves_of([(each.network, each.space, each.updates) for each in done])
        networks = tuple(each.network for each in done)
        return PadNasScorer(
            leaves,
            tuple(losses),
            context,
            ranked=leaves[-1].subspace,
            details=details,
            stage_networks=networks,
            chosen=paired_sets(space, found, self.paired, derive_rng(*context.seed_axes, "paired")),
        )

    def analysis(self, details: dict[str, Any], true_A: np.ndarray) -> dict[str, Any]:
        """``paired_report``: the stages on equal architectures, the loss of the optimum, the worth of the front."""
        return paired_report(details, true_A, self.cost_A())

    def _prune(self, found: SearchResult, cost_A: np.ndarray, space: Subspace, unit: str) -> Pruning:
        inside_A = candidates_of(cost_A, self._window(), space, unit).mask_A
        return prune(space, counted(found, self.counting), self.threshold, inside_A)

    @property
    def _unit(self) -> str:
        return "M" if self.cost in COUNTS else "ms"

    def _check_search(self, cost_A: np.ndarray, space: Subspace) -> None:
        inside_A = candidates_of(cost_A, self._window(), space, self._unit).mask_A
        if inside_A.sum() > self.population:  # a smaller window is evaluated whole
            require_pymoo("strategy pad-nas")

    def _check_budget(self, context: Context, reserve: int) -> None:
        planned, searches = context.budget.planned, len(self.shares) * reserve
        step = Stage("", context.space, 0, samplers.build(self.sampler)).cost_of_step(context.training.batch_size)[0]
        least = (planned - searches) * min(self.shares) / sum(self.shares)
        if least < step:
            raise UsageError(
                f"pad-nas divides {planned} architecture-updates: {searches} are kept for {len(self.shares)} searches, "
                f"and the shortest stage gets {max(0, int(least))}, less than one step of {step}; raise the budget, or "
                "lower images, population or generations"
            )


@dataclass(frozen=True, eq=False)
class Trained:
    """A stage that is done: its network, what it was trained on and for how long, what was found and pruned."""

    network: Supernet
    space: Subspace
    updates: int
    search: SearchResult
    pruning: Pruning | None

    def to_json(self) -> dict[str, Any]:
        """What the record says of it."""
        return {
            "size": self.space.size,
            "box": self.space.used_EO.astype(int).tolist(),
            "updates": self.updates,
            "search": self.search.to_json(),
            "pruning": None if self.pruning is None else self.pruning.to_json(),
        }
