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

from nasbench_harness.errors import UsageError
from nasbench_harness.evaluation.unit import analyse, judge_unit
from nasbench_harness.experiment import Experiment, identity
from nasbench_harness.images import ImageSet
from nasbench_harness.images.batches import Augmentation, DeviceImages
from nasbench_harness.records import Record, ScoreTable
from nasbench_harness.seeding import derive_rng, derive_seed
from nasbench_harness.space import (
    N_ARCHITECTURES,
    N_STAGES,
    Subspace,
    connected_live_cells,
    live_cell_of,
    sample_of_space,
)
from nasbench_harness.strategies import Context, Leaf, Scorer
from nasbench_harness.supernet.network import NetworkShape
from nasbench_harness.system.environment import environment_record
from nasbench_harness.system.memory import give_back_freed_memory, peak_memory
from nasbench_harness.system.progress import Progress
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


def run_unit(unit: Unit, progress: Progress, work: Path | None = None, processes: int = 1) -> tuple[Record, ScoreTable]:
    """Train the unit's strategy, score every architecture or a sample of them, compare with the truth.

    With a folder ``work`` the unit leaves checkpoints there and resumes from those of an interrupted run. With several
    ``processes``, on the CPU and with that folder, independent parts run at the same time; the numbers are the same.
    """
    clock = Clock(work, unit.identity)
    context = _context(unit, progress, Checkpoints(work, unit.identity, clock), processes)
    with clock.timing("training_seconds"):
        scorer = unit.experiment.strategies[unit.strategy].create().train(context)
    architectures = scored_architectures(unit.experiment)
    cells = np.intersect1d(live_cell_of()[architectures], connected_live_cells())
    give_back_freed_memory()
    with clock.timing("scoring_seconds"):
        signals = scorer.score(cells)
        scores = _spread(signals, cells, architectures, scorer.chance())
    leaf = scorer.leaf_A[architectures].astype(np.int16)
    table = ScoreTable(architectures.astype(np.int32), leaf, scores)
    return _record(unit, scorer, table, {**clock.to_json(), "scored_cells": len(cells)}), table


def _context(unit: Unit, progress: Progress, checkpoints: Checkpoints, processes: int) -> Context:
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
    )


def _calibration(experiment: Experiment, images: DeviceImages) -> tuple[Tensor, ...]:
    """Training batches for recalibrated scoring, the same for all strategies and seeds; none by default."""
    if experiment.scoring.batch_norm == "batch-statistics":
        return ()
    seed = derive_seed(experiment.name, "recalibration images")
    batches = images.training_batches(experiment.training.batch_size, Augmentation(False, 0), seed)
    return tuple(x_NCHW for x_NCHW, _ in islice(batches, experiment.scoring.recalibration_batches))


def scored_architectures(experiment: Experiment) -> np.ndarray:
    """Our indices of the architectures that are scored and ranked, ascending: all, or a sample of ``scoring``.

    The sample depends on the experiment's name alone, so that strategies, seeds and protocols differ in nothing else.
    """
    count = experiment.scoring.architectures
    if count is None:
        return np.arange(N_ARCHITECTURES)
    return sample_of_space(count, derive_rng(experiment.name, "sampled architectures"))


def _spread(
    signals: dict[str, np.ndarray], cells: np.ndarray, architectures: np.ndarray, chance: dict[str, float]
) -> dict[str, np.ndarray]:
    """Spread the scores of live cells ``[n]`` over ``architectures``; without a path one scores as chance does.

    For signals without a chance value it takes a place below all others. Float32, as they are stored: the record's
    metrics can be computed again from the stored scores to the last digit.
    """
    spread = {}
    for name, values in signals.items():
        below = values.min() - 1.0 if len(values) else 0.0
        score_A = np.full(N_ARCHITECTURES, chance.get(name, below), dtype=np.float32)
        score_A[cells] = values
        spread[name] = score_A[live_cell_of()[architectures]]
    return spread


def _record(unit: Unit, scorer: Scorer, table: ScoreTable, cost: dict[str, Any]) -> Record:
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
        training={"loss": [c.to_json() for c in scorer.losses], "details": scorer.details},
        environment=environment_record(unit.device),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


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
