"""The flow, for one (strategy, seed): images and space in, trained supernets, scores of all cells, a record out.

A newcomer reads this page first. What happens around it (which units, resume, files) is in ``runner``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nasbench_harness.errors import RunError, StoppedEarlyError, UsageError
from nasbench_harness.evaluation.sample import architectures_of, spread
from nasbench_harness.evaluation.trajectory import Followed
from nasbench_harness.evaluation.unit import analyse, judge_unit
from nasbench_harness.experiment import Experiment, identity
from nasbench_harness.images import ImageSet
from nasbench_harness.images.batches import Augmentation, DeviceImages
from nasbench_harness.records import Record, ScoreTable
from nasbench_harness.seeding import derive_rng, derive_seed
from nasbench_harness.space import N_STAGES, Subspace, connected_live_cells, live_cell_of
from nasbench_harness.strategies import Context, Leaf, Scorer
from nasbench_harness.strategies.base import chance_of
from nasbench_harness.strategies.reference import references
from nasbench_harness.strategies.rehearsal import rehearse
from nasbench_harness.strategies.trajectory import Trajectory
from nasbench_harness.supernet.network import NetworkShape
from nasbench_harness.supernet.precision import set_precision
from nasbench_harness.supernet.weights import save_weights
from nasbench_harness.system.environment import environment_record
from nasbench_harness.system.event_files import FRACTION, TAU
from nasbench_harness.system.faults import telling
from nasbench_harness.system.memory import give_back_freed_memory, peak_memory
from nasbench_harness.system.progress import Progress, Silent, tell
from nasbench_harness.training.budget import Budget
from nasbench_harness.training.checkpoints import Checkpoints
from nasbench_harness.training.clock import Clock
from nasbench_harness.training.settings import TrainingSettings
from nasbench_harness.truth import Truth

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Unit:
    """One (strategy, seed) of an experiment with the data it runs on."""

    experiment: Experiment
    strategy: str
    seed: int
    images: ImageSet
    truth: Truth
    noise_ceiling: dict[str, Any] | None
    device: str = "cpu"

    @cached_property
    def description(self) -> dict[str, Any]:
        """All that can change the numbers, as JSON: settings, data checksums, kind of device."""
        data = {"images": self.images.provenance, "truth_sha256": self.truth.sha256, "device": self.device}
        return {**self.experiment.unit(self.strategy, self.seed), "data": data}

    @cached_property
    def identity(self) -> str:
        """Hash of the description."""
        return identity(self.description)


@telling()
def run_unit(
    unit: Unit,
    progress: Progress,
    work: Path | None = None,
    processes: int = 1,
    stop_below: float | None = None,
    weights: Path | None = None,
) -> tuple[Record, ScoreTable]:
    """Train the unit's strategy, score every architecture or a sample of them, compare with the truth.

    With a folder ``work`` the unit leaves checkpoints there and resumes from those of an interrupted run. With several
    ``processes``, on the CPU and with that folder, independent parts run at the same time; the numbers are the same.
    Raises ``StoppedEarlyError`` when a point of the trajectory has a tau below ``stop_below``: the unit is unfinished.
    ``weights``: the file for the trained networks; None: they are not kept. Memory that runs out and errors of a
    plug-in are a ``RunError``.
    """
    clock = Clock(work, unit.identity)
    followed = _followed(unit)
    trajectory = _trajectory(unit, followed, stop_below, progress)
    context = _context(unit, progress, Checkpoints(work, unit.identity, clock), processes, trajectory)
    with clock.timing("training_seconds"):
        scorer = unit.experiment.strategies[unit.strategy].create().train(context)
    architectures = architectures_of(unit.experiment.name, unit.experiment.scoring.architectures)
    cells = np.intersect1d(live_cell_of()[architectures], connected_live_cells())
    give_back_freed_memory()
    with clock.timing("scoring_seconds"):
        signals = scorer.score(cells)
        scores = spread(signals, cells, architectures, scorer.chance())
    if weights is not None:
        save_weights(weights, scorer.trained(), unit.identity)
    leaf = scorer.leaf_A[architectures].astype(np.int16)
    table = ScoreTable(architectures.astype(np.int32), leaf, scores)
    cost = {**clock.to_json(), "scored_cells": len(cells)}
    return _record(unit, scorer, table, cost, _along_training(unit, scorer, followed)), table


def _context(
    unit: Unit, progress: Progress, checkpoints: Checkpoints, processes: int, trajectory: Trajectory | None
) -> Context:
    experiment, images = unit.experiment, unit.images
    training = experiment.training.model_dump()
    augmentation = Augmentation(*(training.pop(name) for name in ("flip", "crop_padding", "crop_fill")))
    side = images.images.shape[2]
    if side % 2 ** (N_STAGES - 1):
        raise UsageError(f"images.size {side}: the network halves the side twice; choose a multiple of 4")
    if experiment.training.batch_size > len(images.train):
        raise UsageError(
            f"training.batch_size {experiment.training.batch_size} exceeds the {len(images.train)} training images"
        )
    if experiment.scoring.images > len(images.valid):
        raise UsageError(f"scoring.images {experiment.scoring.images}: only {len(images.valid)} images are held out")
    # The same held-out images for all strategies and seeds, so that differences are not those of the images.
    held_out = derive_rng(experiment.name, "scoring images").permutation(images.valid)[: experiment.scoring.images]
    network = experiment.network
    set_precision(network.precision, unit.device)
    train_images = DeviceImages(images, images.train, unit.device)
    return Context(
        space=Subspace.full(),
        shape=NetworkShape(network.channels, network.cells, images.images.shape[1], images.n_classes),
        train_images=train_images,
        training=TrainingSettings(**training, augmentation=augmentation),
        budget=Budget(experiment.updates(unit.strategy, len(images.train))),
        seed_axes=(unit.strategy, unit.seed),
        progress=progress,
        scoring_images=DeviceImages(images, held_out, unit.device),
        scoring_batch=experiment.scoring.batch_size,
        checkpoints=checkpoints,
        calibration=_calibration(experiment, train_images),
        precision=network.precision,
        # another device has one memory for all, and its own way to do things at the same time
        processes=processes if train_images.labels.device.type == "cpu" else 1,
        plugins=tuple((plugin.path, plugin.sha256) for plugin in experiment.plugins),
        trajectory=trajectory,
    )


def _calibration(experiment: Experiment, images: DeviceImages) -> tuple[Tensor, ...]:
    """Training batches for recalibrated scoring, the same for all strategies and seeds; none by default."""
    if experiment.scoring.batch_norm == "batch-statistics":
        return ()
    seed = derive_seed(experiment.name, "recalibration images")
    batches = images.training_batches(experiment.training.batch_size, Augmentation(False, 0), seed)
    return tuple(x_NCHW for x_NCHW, _ in islice(batches, experiment.scoring.recalibration_batches))


def _followed(unit: Unit) -> Followed | None:
    """What the unit's trajectory follows; ``UsageError`` where its strategy or its budget cannot give that."""
    experiment, section = unit.experiment, unit.experiment.scoring.trajectory
    if section is None:
        return None
    if not experiment.strategies[unit.strategy].create().has_trajectory:
        others = [name for name, section in experiment.strategies.items() if section.create().has_trajectory]
        raise UsageError(
            f"scoring.trajectory: {unit.strategy} has no networks that cover the space all along its training; "
            f"choose others by --strategies{' ' * bool(others)}{','.join(others)}, or leave the setting out"
        )
    if (section.images or 0) > experiment.scoring.images:
        raise UsageError(
            f"scoring.trajectory.images {section.images}: scoring.images gives {experiment.scoring.images} at most"
        )
    budget = experiment.updates(unit.strategy, len(unit.images.train))
    return Followed(architectures_of(experiment.name, section.architectures), section.fractions(budget), budget)


def check_ready(unit: Unit, keep_weights: bool = False) -> None:
    """Raise now what would else be raised after hours of training: see ``Strategy.check_ready`` and ``_followed``.

    ``UsageError`` where the strategy cannot divide its budget, ``DataError`` where the truth knows fewer than two of
    the architectures that are to be ranked.
    """
    strategy = unit.experiment.strategies[unit.strategy].create()
    strategy.check_ready()
    if keep_weights and not strategy.keeps_weights:
        raise UsageError(f"{unit.strategy} scores with more than its networks: run it without --keep-weights")
    unit.truth.among(architectures_of(unit.experiment.name, unit.experiment.scoring.architectures))
    followed = _followed(unit)
    if followed is not None:
        unit.truth.among(followed.architectures)
    context = _context(unit, Silent(), Checkpoints(), 1, None)
    try:
        rehearse(strategy, context)
    except UsageError as error:
        raise UsageError(f"strategy {unit.strategy} cannot be trained as asked: {error}") from error


def _trajectory(
    unit: Unit, followed: Followed | None, stop_below: float | None, progress: Progress
) -> Trajectory | None:
    """An empty trajectory, which tells its points to ``progress``.

    With ``stop_below`` it ends the unit at a point that ranks worse by the headline signal.
    """
    scoring = unit.experiment.scoring
    if followed is None or scoring.trajectory is None:
        return None
    trajectory, signal = Trajectory.of(followed.fractions, followed.cells, scoring.trajectory.images), scoring.signal
    if signal not in trajectory.score_PC:
        return trajectory  # of the strategy's own, which is not followed

    def at_point(point: int) -> None:
        tau = followed.tau(trajectory.score_PC[signal][point], chance_of(unit.images.n_classes)[signal], unit.truth)
        if tau is not None:
            tell(progress, {TAU: tau, FRACTION: followed.fractions[point]})
        if stop_below is not None and (tau is None or tau < stop_below):
            found = "undefined" if tau is None else f"{tau:.3f}"
            raise StoppedEarlyError(
                f"stopped at {followed.fractions[point]:.3g} of its budget: tau by {signal.replace('_', ' ')} of "
                f"{len(followed.architectures):,} architectures is {found}, below {stop_below:g}"
            )

    trajectory.at_point = at_point
    return trajectory


def _record(unit: Unit, scorer: Scorer, table: ScoreTable, cost: dict[str, Any], along: dict[str, Any]) -> Record:
    budget, processes = scorer.context.budget, scorer.context.processes
    return Record(
        identity=unit.identity,
        experiment=unit.description,
        experiment_name=unit.experiment.name,
        strategy=unit.strategy,
        seed=unit.seed,
        signal=unit.experiment.scoring.signal,
        **judge_unit(table, unit.truth),
        truth={**unit.truth.among(table.index).to_json(), "noise_ceiling": unit.noise_ceiling},
        leaves=[_leaf(leaf) for leaf in scorer.leaves],
        analysis=_analysis(unit, scorer, table),
        cost={
            "architecture_updates": {"planned": budget.planned, "used": budget.used},
            **cost,
            "scored_images": len(scorer.context.scoring_images),
            "parameters": scorer.parameter_count,
            "peak_memory_mb": peak_memory(processes > 1) / 1e6,  # of the largest process
            "processes": processes,
        },
        training={
            "loss": [c.to_json() for c in scorer.losses],
            "details": scorer.details,
            **along,
            **references(scorer),
        },
        environment=environment_record(unit.device),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _along_training(unit: Unit, scorer: Scorer, followed: Followed | None) -> dict[str, Any]:
    """The record's ``trajectory``, where one was asked for; ``RunError`` where the strategy left a point out."""
    trajectory = scorer.context.trajectory
    if trajectory is None or followed is None:
        return {}
    for number, fraction in enumerate(trajectory.fractions):
        if not trajectory.known(number):
            raise RunError(f"{unit.strategy} has not scored the point {fraction:.3g} of the trajectory")
    return {"trajectory": followed.judge(trajectory.score_PC, scorer.chance(), unit.truth)}


def _analysis(unit: Unit, scorer: Scorer, table: ScoreTable) -> dict[str, Any]:
    strategy = unit.experiment.strategies[unit.strategy].create()
    ranked = scorer.ranked
    still = [n for n, leaf in enumerate(scorer.leaves) if ranked and ranked.contains(leaf.subspace.members).all()]
    return analyse(
        table,
        unit.truth,
        [leaf.subspace.name for leaf in scorer.leaves],
        still if ranked else None,
        strategy.analysis(scorer.details, unit.truth.vector),
    )


def _leaf(leaf: Leaf) -> dict[str, Any]:
    """Size and cost of one leaf."""
    return {
        "name": leaf.subspace.name,
        "size": leaf.subspace.size,
        "updates": leaf.updates,
        "channels": leaf.network.shape.channels,
    }
