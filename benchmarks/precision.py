"""What bfloat16 gains and what it costs: times of both precisions, and the agreement of the rankings they give."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch
from cases import Case, Effort, Work
from network_cases import SCORED_IMAGES, SHAPES, TRAIN_BATCH, draw_windows, networks, one_batch
from timing import Candidate, chunk
from torch import Tensor
from torch.nn import functional as F

from nasbench_harness.images import ImageSpec, load_image_set
from nasbench_harness.images.batches import Augmentation, DeviceImages
from nasbench_harness.images.sets import ImageSet
from nasbench_harness.metrics import kendall_tau
from nasbench_harness.seeding import derive_rng
from nasbench_harness.space import Subspace, connected_live_cells
from nasbench_harness.supernet.network import Code, NetworkShape, Precision, Supernet, live_codes
from nasbench_harness.supernet.scoring.scores import score_live_cells
from nasbench_harness.system.progress import Silent
from nasbench_harness.training.budget import Budget
from nasbench_harness.training.samplers import UniformSampler
from nasbench_harness.training.settings import Stage, TrainingSettings
from nasbench_harness.training.stage_run import StageRun

PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")


def cases() -> Iterator[Case]:
    """Times at every shape, and rankings of one trained supernet."""
    for shape in SHAPES:
        name, label = "-".join(map(str, shape)), "{} channels, {} cells a stage, {} pixels".format(*shape)
        yield Case(f"precision-{name}", f"float32 and bfloat16, {label}", "architecture", partial(_times, shape))
    yield Case("precision-ranking", "rankings by float32 and bfloat16", "architecture", _ranking)


def _times(shape: tuple[int, int, int], effort: Effort, folder: Path) -> Work:
    engine, _ = networks(shape)
    resident, x_NCHW, labels = one_batch(SCORED_IMAGES, shape[2])
    x_NCHW, labels = x_NCHW[:TRAIN_BATCH].contiguous(memory_format=torch.channels_last), labels[:TRAIN_BATCH]
    rng = derive_rng("benchmark", "precision", shape)
    codes = live_codes(Subspace.full().sample(effort.repeats * effort.steps, rng))
    windows = draw_windows(effort.repeats, effort.steps, rng)
    candidates: dict[str, Candidate] = {}
    for precision in PRECISIONS:
        network = copy.deepcopy(engine)
        network.precision = precision
        candidates[f"training {precision}"] = partial(_train, network, x_NCHW, labels, codes, effort.steps)
        candidates[f"scoring {precision}"] = partial(_score, network, windows, resident)
    return Work(candidates, effort.steps, {"batch": TRAIN_BATCH, "images": SCORED_IMAGES}, derive=gains)


def gains(seconds: Mapping[str, float]) -> dict[str, float]:
    """How many times faster bfloat16 is."""
    kinds = {name.rsplit(" ", 1)[0] for name in seconds}
    return {f"{kind}_gain": seconds[f"{kind} float32"] / seconds[f"{kind} bfloat16"] for kind in sorted(kinds)}


def _train(network: Supernet, x_NCHW: Tensor, labels: Tensor, codes: list[Code], steps: int, repeat: int) -> None:
    for code in chunk(codes, repeat, steps):
        network.zero_grad(set_to_none=True)
        F.cross_entropy(network(x_NCHW, code), labels).backward()  # type: ignore[no-untyped-call]


def _score(network: Supernet, windows: list[np.ndarray], resident: DeviceImages, repeat: int) -> None:
    score_live_cells(network, windows[max(repeat, 0)], resident, SCORED_IMAGES, Silent())


def enlarged_digits() -> ImageSet:
    """The embedded digits, every pixel repeated to a side of 16."""
    from dataclasses import replace

    images = load_image_set(ImageSpec("digits"))
    return replace(images, images=images.images.repeat(2, axis=2).repeat(2, axis=3))


def _ranking(effort: Effort, folder: Path) -> Work:
    images = enlarged_digits()
    training, held_out = DeviceImages(images, images.train), DeviceImages(images, images.valid)
    steps, count = 80 * effort.steps, 20 * effort.repeats
    usable = connected_live_cells()
    cells = np.sort(derive_rng("benchmark", "ranking").choice(usable, count, replace=False))
    found: dict[str, np.ndarray] = {}
    accuracy: dict[str, np.ndarray] = {}
    for trained in PRECISIONS:
        torch.manual_seed(0)
        network = Supernet(NetworkShape(8, 1, 1, images.n_classes))
        network.precision = trained
        stage = Stage("ranking", Subspace.full(), steps * TRAIN_BATCH, UniformSampler())
        settings = TrainingSettings(batch_size=TRAIN_BATCH, augmentation=Augmentation(flip=False, crop_padding=2))
        StageRun(network, stage, training, settings, Budget(stage.updates), ("benchmark",)).advance(steps, Silent())
        for scored in PRECISIONS if trained == "float32" else ("bfloat16",):
            network.precision = scored
            scores = score_live_cells(network, cells, held_out, len(held_out), Silent())
            found[f"{trained}, {scored}"], accuracy[f"{trained}, {scored}"] = scores.negative_loss, scores.accuracy
    base = "float32, float32"

    def derive(seconds: Mapping[str, float]) -> dict[str, float]:
        facts = {"mean_accuracy": float(accuracy[base].mean())} | gains(seconds)
        for name, values in found.items():
            if name != base:
                label = name.replace(", ", "_then_")
                facts[f"tau_of_losses_{label}"] = _tau(values, found[base])
                facts[f"tau_of_accuracies_{label}"] = _tau(accuracy[name], accuracy[base])
        return facts

    facts = {
        "network": "8 channels, 1 cell a stage, 16 pixels",
        "training_steps": steps,
        "architectures": count,
        "held_out_images": len(held_out),
        "names": "precision of training, then precision of scoring; against float32 throughout",
    }
    candidates: dict[str, Candidate] = {
        f"scoring {precision}": partial(_rescore, network, precision, cells[: effort.window], held_out)
        for precision in PRECISIONS
    }
    return Work(candidates, effort.window, facts, derive=derive)


def _rescore(network: Supernet, precision: Precision, cells: np.ndarray, images: DeviceImages, repeat: int) -> None:
    network.precision = precision
    score_live_cells(network, cells, images, len(images), Silent())


def _tau(ours: np.ndarray, theirs: np.ndarray) -> float:
    tau = kendall_tau(ours, theirs)
    return float("nan") if tau is None else tau
