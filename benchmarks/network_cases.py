"""Cases that run networks: training steps, scoring, and the loading of training batches.

Images are random pixels, equal for both sides; speed does not depend on what they show. Training and scoring start
from images in memory for both sides; a step of the engine draws and varies its batch and keeps its books, one of the
reference is handed the batch, which is generous: its loader is measured on its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import plain
import torch
from agreement import compare_networks, compare_scores, copy_weights
from cases import ENGINE, REFERENCE, Case, Effort, Work
from timing import WARM_UP, chunk
from torch import Tensor
from torch.utils.data import DataLoader

from nasbench_harness.images.batches import Augmentation, DeviceImages
from nasbench_harness.images.sets import ImageSet
from nasbench_harness.seeding import derive_rng
from nasbench_harness.space import N_ARCHITECTURES, Subspace, index_to_code
from nasbench_harness.supernet.network import NetworkShape, Supernet
from nasbench_harness.supernet.scoring.functions import representative_of
from nasbench_harness.supernet.scoring.scores import Scores, score_live_cells
from nasbench_harness.system.progress import Silent
from nasbench_harness.training.budget import Budget
from nasbench_harness.training.samplers import IntArray, Sampler
from nasbench_harness.training.settings import Stage, TrainingSettings
from nasbench_harness.training.stage_run import StageRun

SHAPES = ((16, 5, 32), (5, 5, 32), (8, 1, 16))
"""Channels, cells per stage, side of the images."""

CLASSES = 10
TRAIN_BATCH = 64
SCORED_IMAGES = 500
LOADED_IMAGES = 2048
CROP_PADDING = 4


def cases() -> Iterator[Case]:
    """Training and scoring at every shape, and loading at the common image size."""
    for shape in SHAPES:
        label = "{} channels, {} cells a stage, {} pixels".format(*shape)
        name = "-".join(map(str, shape))
        yield Case(
            f"training-{name}", f"training step, {label}", f"step of {TRAIN_BATCH} images", partial(_train, shape)
        )
        yield Case(
            f"scoring-{name}", f"scoring, {label}", f"architecture on {SCORED_IMAGES} images", partial(_score, shape)
        )
    yield Case("loading-32", "augmented training batches, 32 pixels", f"batch of {TRAIN_BATCH} images", _load)


def random_images(count: int, side: int) -> ImageSet:
    """Random pixels and labels, the same at every call."""
    rng = derive_rng("benchmark", "images", count, side)
    pixels = rng.integers(0, 256, (count, 3, side, side), dtype=np.uint8)
    labels = rng.integers(0, CLASSES, count)
    every, none = np.arange(count), np.arange(0)
    mean, std = np.full(3, 0.5), np.full(3, 0.25)
    return ImageSet("random", pixels, labels, CLASSES, every, none, none, mean, std, {})


def networks(shape: tuple[int, int, int]) -> tuple[Supernet, plain.PlainSupernet]:
    """Engine and reference with the same weights, the same at every call."""
    channels, cells, _ = shape
    torch.manual_seed(0)
    engine = Supernet(NetworkShape(channels, cells, 3, CLASSES))
    reference = plain.PlainSupernet(channels, cells, 3, CLASSES)
    copy_weights(engine, reference)
    return engine, reference


def one_batch(count: int, side: int) -> tuple[DeviceImages, Tensor, Tensor]:
    """Images on the device, and all of them as one normalised batch with its labels."""
    images = random_images(count, side)
    resident = DeviceImages(images, images.train)
    x_NCHW, labels = next(resident.equal_batches(count))
    return resident, x_NCHW.contiguous(), labels


def _train(shape: tuple[int, int, int], effort: Effort, folder: Path) -> Work:
    engine, reference = networks(shape)
    _, x_NCHW, labels = one_batch(TRAIN_BATCH, shape[2])
    rng = derive_rng("benchmark", "training", shape)
    whole = Subspace.full()
    agreement = compare_networks(engine, reference, whole.sample(effort.compared, rng), x_NCHW, labels)
    drawn = whole.sample(effort.repeats * effort.steps, rng)
    choices = index_to_code(drawn).tolist()
    settings = TrainingSettings(batch_size=TRAIN_BATCH)
    theirs = torch.optim.SGD(
        reference.parameters(),
        lr=settings.learning_rate,
        momentum=settings.momentum,
        nesterov=settings.nesterov,
        weight_decay=settings.weight_decay,
    )
    ours = stage_run(engine, np.concatenate([drawn[: effort.steps], drawn]), shape[2], settings)

    def run_reference(repeat: int) -> None:
        for choice in chunk(choices, repeat, effort.steps):
            plain.training_step(reference, theirs, x_NCHW, labels, choice)

    def run_engine(repeat: int) -> None:  # with the drawing of its batches and all bookkeeping
        ours.advance(effort.steps, Silent())

    facts = {"batch": TRAIN_BATCH, "architectures": "uniform over connected ones, the same list for both"}
    return Work({REFERENCE: run_reference, ENGINE: run_engine}, effort.steps, facts, agreement)


@dataclass(frozen=True, eq=False)
class _Listed(Sampler):
    """One architecture a step, from a list."""

    architectures: np.ndarray

    def draw(self, subspace: Subspace, steps: int, rng: np.random.Generator) -> IntArray:
        """The first ``steps`` of the list, ``[steps, 1]``."""
        return self.architectures[:steps, None]


def stage_run(network: Supernet, architectures: np.ndarray, side: int, settings: TrainingSettings) -> StageRun:
    """Training of ``network`` on the architectures of a list, one a step."""
    images = random_images(LOADED_IMAGES, side)
    updates = TRAIN_BATCH * len(architectures)
    stage = Stage("benchmark", Subspace.full(), updates, _Listed(architectures))
    return StageRun(
        network, stage, DeviceImages(images, images.train), settings, Budget(updates), ("benchmark", "images")
    )


def draw_windows(count: int, size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """``count`` different runs of ``size`` consecutive ``distinct_cells``, the one without a path left out."""
    distinct = distinct_cells()[1:]
    runs = distinct[: len(distinct) // size * size].reshape(-1, size)
    return [runs[number] for number in rng.choice(len(runs), count, replace=False)]


def cells_to_score(effort: Effort, rng: np.random.Generator) -> list[np.ndarray]:
    """For each repeat its windows of ``draw_windows``, as one rising array."""
    windows = draw_windows(effort.repeats * effort.windows, effort.window, rng)
    return [np.sort(np.concatenate(chunk(windows, r, effort.windows))) for r in range(effort.repeats)]


def distinct_cells() -> np.ndarray:
    """Live cells that stand for all architectures of their function, ascending; what the engine runs."""
    return np.unique(representative_of())


def members_of(cells: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """For each live cell one of the architectures that it stands for, drawn uniformly."""
    return np.array([rng.choice(np.flatnonzero(representative_of() == cell)) for cell in cells])


def _score(shape: tuple[int, int, int], effort: Effort, folder: Path) -> Work:
    engine, reference = networks(shape)
    resident, x_NCHW, labels = one_batch(SCORED_IMAGES, shape[2])
    rng = derive_rng("benchmark", "scoring", shape)
    cells = cells_to_score(effort, rng)
    choices = [index_to_code(members_of(each, rng)).tolist() for each in cells]

    def run_reference(repeat: int) -> list[tuple[float, float]]:
        return plain.score(reference, choices[max(repeat, 0)], [(x_NCHW, labels)])

    def run_engine(repeat: int) -> Scores:
        return score_live_cells(engine, cells[max(repeat, 0)], resident, SCORED_IMAGES, Silent())

    agreement = compare_scores(run_engine(WARM_UP), run_reference(WARM_UP))
    facts = {
        "images": SCORED_IMAGES,
        "batch": SCORED_IMAGES,
        "architectures": f"{effort.windows} runs of {effort.window} consecutive live cells of distinct function a "
        "repeat; the reference scores one of the architectures that each stands for",
    }
    candidates = {REFERENCE: run_reference, ENGINE: run_engine}
    return Work(candidates, effort.windows * effort.window, facts, agreement, _whole_space)


def _whole_space(seconds: Mapping[str, float]) -> dict[str, float]:
    """What scoring every architecture costs: the reference runs each, the engine one of each function."""
    blocks = 1000 / SCORED_IMAGES
    theirs, ours = seconds[REFERENCE] * N_ARCHITECTURES * blocks, seconds[ENGINE] * len(distinct_cells()) * blocks
    return {
        "whole_space_reference_seconds_per_1000_images": theirs,
        "whole_space_engine_seconds_per_1000_images": ours,
        "whole_space_ratio": theirs / ours,
    }


def _load(effort: Effort, folder: Path) -> Work:
    images = random_images(LOADED_IMAGES, 32)
    dataset = plain.AugmentedImages(images.images, images.labels, images.mean, images.std, CROP_PADDING, seed=0)
    loader = DataLoader(dataset, batch_size=TRAIN_BATCH, shuffle=True, drop_last=True)
    resident = DeviceImages(images, images.train)
    theirs = endless(loader)
    ours = resident.training_batches(TRAIN_BATCH, Augmentation(crop_padding=CROP_PADDING), seed=0)

    def run(batches: Iterator[tuple[Tensor, Tensor]], repeat: int) -> None:
        for _ in range(effort.batches):
            next(batches)

    facts = {"batch": TRAIN_BATCH, "augmentation": "flip, crop after padding by 4, normalisation", "workers": 0}
    return Work({REFERENCE: partial(run, theirs), ENGINE: partial(run, ours)}, effort.batches, facts)


def endless(loader: DataLoader[tuple[np.ndarray, int]]) -> Iterator[tuple[Tensor, Tensor]]:
    """Batch after batch, pass after pass."""
    while True:
        yield from loader
