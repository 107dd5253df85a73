"""What a strategy is handed: space, images, settings, a budget; and the ways in which work is metered and resumed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from nasbench_harness.seeding import derive_seed
from nasbench_harness.space import Subspace
from nasbench_harness.strategies.parallel import Measurement, measure_in_parallel, train_in_parallel
from nasbench_harness.strategies.trajectory import StepAt, Trajectory, Watch
from nasbench_harness.system.progress import Progress, Silent
from nasbench_harness.training.checkpoints import Checkpoints

if TYPE_CHECKING:
    from torch import Tensor

    from nasbench_harness.images.batch_sizes import BatchSizes
    from nasbench_harness.images.batches import DeviceImages
    from nasbench_harness.supernet.network import NetworkShape, Supernet
    from nasbench_harness.supernet.scoring.scorable import Scorable
    from nasbench_harness.training.budget import Budget
    from nasbench_harness.training.trainer import LossCurve, Stage, StageRun, TrainingLoop, TrainingSettings


@dataclass(frozen=True)
class Context:
    """What a strategy is handed: space, images on the device, settings, its budget and its place in the seed tree.

    All costly work goes through ``train``, ``train_together`` and ``measure``: they meter it, show its progress, and
    take it up again after an interruption, when the strategy is run a second time from its start. What is independent
    goes through ``train_in_parallel`` and ``measure_in_parallel``, which use up to ``processes`` at a time.
    ``plugins`` are the files, with their digests, whose parts those processes need. ``trajectory`` looks at networks
    while they train; it never changes them.
    """

    space: Subspace
    shape: NetworkShape
    train_images: DeviceImages
    training: TrainingSettings
    budget: Budget
    seed_axes: tuple[object, ...]
    progress: Progress
    scoring_images: DeviceImages
    scoring_batch: int
    checkpoints: Checkpoints = field(default_factory=Checkpoints)
    calibration: tuple[Tensor, ...] = ()
    precision: Literal["float32", "tf32", "bfloat16"] = "float32"
    processes: int = 1
    plugins: tuple[tuple[Path, str], ...] = ()
    trajectory: Trajectory | None = None

    @property
    def batches(self) -> BatchSizes:
        """The batches that training takes from the training images."""
        return self.training.batches_of(len(self.train_images))

    def with_whole_batches(self) -> Context:
        """The same without the incomplete last batch of a pass: for strategies that plan in steps of equal size."""
        return replace(self, training=replace(self.training, last_batch="drop"))

    def new_network(self, purpose: str, shape: NetworkShape | None = None) -> Supernet:
        """An untrained supernet whose initial weights depend only on the seed axes and ``purpose``."""
        import torch

        from nasbench_harness.supernet.network import Supernet

        # forked: the caller's random state stays as it was
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(*self.seed_axes, purpose, "initial weights"))
            network = Supernet(shape or self.shape)
        network.precision = self.precision
        return network.to(self.train_images.labels.device)

    def stage_run(self, network: Supernet, stage: Stage, route_A: np.ndarray | None = None) -> StageRun:
        """A stage that is ready to start, for ``train_together``."""
        from nasbench_harness.training.trainer import StageRun

        run = StageRun(network, stage, self.train_images, self.training, self.budget, self.seed_axes, route_A)
        start, end = stage.window

        def step_at(fraction: float) -> int:
            return round((fraction - start) / (end - start) * run.steps)

        run.watcher = self.watch(stage, step_at, partial(_plain, network, route_A))
        return run

    def watch(self, stage: Stage, step_at: StepAt, scorable: Callable[[], Scorable]) -> Watch | None:
        """Who looks along a stage at what ``scorable`` gives then, see ``Trajectory.watch``; None: nobody does."""
        return None if self.trajectory is None else self.trajectory.watch(stage, step_at, partial(self._look, scorable))

    def scores_of(self, scorable: Scorable, cells: np.ndarray) -> dict[str, np.ndarray]:
        """``accuracy`` and ``negative_loss`` of live cells ``[n]`` on the scoring images, as the experiment asks."""
        from nasbench_harness.supernet.scoring.recalibration import score_as_asked

        images, batch, calibration = self.scoring_images, self.scoring_batch, self.calibration
        return asdict(score_as_asked(scorable, cells, calibration, images, batch, self.progress))

    def _look(self, scorable: Callable[[], Scorable], cells: np.ndarray) -> dict[str, np.ndarray]:
        """The scores that the final scoring would give now, on the trajectory's images.

        Neither the budget nor the time of training count them.
        """
        assert self.trajectory is not None
        clock, images = self.checkpoints.clock, self.scoring_images.part(slice(self.trajectory.images))
        looking = replace(self, progress=Silent(), scoring_images=images)
        with nullcontext() if clock is None else clock.timing("trajectory_seconds"):
            return looking.scores_of(scorable(), cells)

    def train(self, network: Supernet, stage: Stage, route_A: np.ndarray | None = None) -> LossCurve:
        """Train ``network`` in place, metered."""
        return self.train_together([self.stage_run(network, stage, route_A)], stage.name)[0]

    def train_together(self, runs: Sequence[TrainingLoop], name: str) -> list[LossCurve]:
        """Train several networks in turns of one epoch, in place; ``name`` is unique within the strategy."""
        from nasbench_harness.training.trainer import train

        return train(runs, self.progress, self.checkpoints, name)

    def train_in_parallel(self, stages: Sequence[tuple[Supernet, Stage]]) -> list[LossCurve]:
        """Train networks that know nothing of each other, in place: what ``train`` of each in turn would give."""
        return train_in_parallel(self, stages)

    def measure(self, name: str, compute: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """What ``compute`` gives, from a checkpoint where an interrupted run had it; its cost is charged either way.

        ``name`` is unique within the strategy. ``compute`` spends the budget itself and must not train networks.
        """
        import torch

        key = self.key_of(name)
        saved = self.checkpoints.load(key)
        if saved is not None:
            self.budget.spend(0, int(saved.values["forwards"]))
            return {name: tensor.numpy() for name, tensor in saved.tensors.items()}
        before = self.budget.forwards
        found = compute()
        tensors = {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in found.items()}
        self.checkpoints.save(key, tensors, {"forwards": self.budget.forwards - before})
        return found

    def key_of(self, name: str) -> str:
        """The checkpoint of a measurement."""
        return f"measurement of {name}"

    def measure_in_parallel(self, measurements: Sequence[Measurement]) -> list[dict[str, np.ndarray]]:
        """What ``measure`` of each in turn would give, for measurements that do not depend on each other."""
        return measure_in_parallel(self, measurements)

    def alone(self) -> Context:
        """The same for a process of its own, silent; this process keeps the time."""
        trajectory = None if self.trajectory is None else self.trajectory.alone()
        checkpoints = replace(self.checkpoints, clock=None)
        return replace(self, progress=Silent(), checkpoints=checkpoints, processes=1, trajectory=trajectory)

    def shown_by(self, progress: Progress) -> Context:
        """The same with another progress."""
        return replace(self, progress=progress)


def _plain(network: Supernet, route_A: np.ndarray | None) -> Scorable:
    from nasbench_harness.supernet.scoring.scores import SupernetScorable

    return SupernetScorable(network, route_A)
