"""Time to a ranking: all training steps of a preset and the scores of the whole space, extrapolated, split by phase.

Reference and engine train and score a part of it, with all threads; the engine's steps draw and vary their batches, as
the reference's loader, which is timed, does. What lies around (start, truth, record) takes seconds and is left out.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import plain
import torch
from cases import ENGINE, REFERENCE, Case, Effort, Work
from network_cases import (
    LOADED_IMAGES,
    TRAIN_BATCH,
    distinct_cells,
    draw_windows,
    endless,
    members_of,
    networks,
    one_batch,
    random_images,
    stage_run,
)  # fmt: skip
from timing import chunk
from torch.utils.data import DataLoader

from nasbench_harness.experiment import load_experiment
from nasbench_harness.seeding import derive_rng
from nasbench_harness.space import N_ARCHITECTURES, Subspace, index_to_code
from nasbench_harness.supernet.scoring.scores import score_live_cells
from nasbench_harness.system.progress import Silent
from nasbench_harness.training.settings import TrainingSettings

PRESETS = ("cifar10-study", "cifar10-fast")
TRAINING_IMAGES = 25_000
TRAINING, LOADING, SCORING = "training", "loading", "scoring"


def cases() -> Iterator[Case]:
    """A case for each preset."""
    for name in PRESETS:
        yield Case(f"ranking-{name}", f"time to a ranking, {name}", "step, batch and score", partial(_ranking, name))


def _ranking(preset: str, effort: Effort, folder: Path) -> Work:
    described = load_experiment(preset)
    shape = (described.network.channels, described.network.cells, described.images.size or 32)
    section = described.training
    settings = TrainingSettings(TRAIN_BATCH, unsampled_weights=section.unsampled_weights)
    batches = settings.batches_of(TRAINING_IMAGES)
    steps = int(batches.steps_within(int(described.budget.epochs or 0) * TRAINING_IMAGES))
    scored = described.scoring.images
    count = described.scoring.batch_size
    engine, reference = networks(shape)
    _, x_NCHW, labels = one_batch(TRAIN_BATCH, shape[2])
    resident, scored_NCHW, scored_labels = one_batch(count, shape[2])
    rng = derive_rng("benchmark", "ranking", preset)
    drawn = Subspace.full().sample(effort.repeats * effort.steps, rng)
    choices = index_to_code(drawn).tolist()
    windows = draw_windows(effort.repeats * effort.windows, effort.window, rng)
    cells = [np.sort(np.concatenate(chunk(windows, r, effort.windows))) for r in range(effort.repeats)]
    asked = [index_to_code(members_of(each, rng)).tolist() for each in cells]
    ours = stage_run(engine, np.concatenate([drawn[: effort.steps], drawn]), shape[2], settings)
    theirs = torch.optim.SGD(
        reference.parameters(), lr=settings.learning_rate, momentum=settings.momentum, nesterov=True,
        weight_decay=settings.weight_decay,
    )  # fmt: skip
    images = random_images(LOADED_IMAGES, shape[2])
    dataset = plain.AugmentedImages(images.images, images.labels, images.mean, images.std, section.crop_padding, seed=0)
    loader = endless(DataLoader(dataset, batch_size=TRAIN_BATCH, shuffle=True, drop_last=True))
    spent: dict[tuple[str, str], list[float]] = {}

    def note(side: str, phase: str, units: int, since: float, repeat: int) -> float:
        now = time.perf_counter()
        if repeat >= 0:
            spent.setdefault((side, phase), []).append((now - since) / units)
        return now

    def run_reference(repeat: int) -> None:
        now = time.perf_counter()
        for choice in chunk(choices, repeat, effort.steps):
            plain.training_step(reference, theirs, x_NCHW, labels, choice)
        now = note(REFERENCE, TRAINING, effort.steps, now, repeat)
        for _ in range(effort.steps):
            next(loader)
        now = note(REFERENCE, LOADING, effort.steps, now, repeat)
        reference.eval()
        plain.score(reference, asked[max(repeat, 0)], [(scored_NCHW, scored_labels)])
        reference.train()
        note(REFERENCE, SCORING, len(asked[max(repeat, 0)]), now, repeat)

    def run_engine(repeat: int) -> None:
        now = time.perf_counter()
        ours.advance(effort.steps, Silent())
        now = note(ENGINE, TRAINING, effort.steps, now, repeat)
        score_live_cells(engine, cells[max(repeat, 0)], resident, count, Silent())
        note(ENGINE, SCORING, len(cells[max(repeat, 0)]), now, repeat)

    def derive(seconds: Mapping[str, float]) -> dict[str, float]:
        blocks = scored / count
        units = {
            (REFERENCE, TRAINING): steps,
            (REFERENCE, LOADING): steps,
            (REFERENCE, SCORING): N_ARCHITECTURES * blocks,
            (ENGINE, TRAINING): steps,
            (ENGINE, SCORING): len(distinct_cells()) * blocks,
        }
        found = {f"{side}_{phase}_seconds": median(spent[side, phase]) * n for (side, phase), n in units.items()}
        totals = {
            side: sum(value for name, value in found.items() if name.startswith(side)) for side in (REFERENCE, ENGINE)
        }
        return found | {f"{side}_seconds": total for side, total in totals.items()} | {
            "times": totals[REFERENCE] / totals[ENGINE]
        }  # fmt: skip

    facts = {
        "preset": preset, "channels, cells, pixels": list(shape), "training_steps": steps, "scored_images": scored,
        "threads": torch.get_num_threads(), "architectures": "uniform over connected ones; runs of live cells",
    }  # fmt: skip
    # by other names than those of which a ratio is formed: that of the parts is not that of the whole
    return Work({"reference, a part": run_reference, "engine, a part": run_engine}, 1, facts, derive=derive)
