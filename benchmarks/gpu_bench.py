"""What the cases of ``gpu.py`` have in common: sizes, networks with equal weights, images, and a clock."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import plain
import torch
from agreement import copy_weights
from network_cases import CLASSES, random_images
from timing import Candidate, interleave, paired_ratio, per_unit

from nasbench_harness.images.batches import Augmentation, DeviceImages
from nasbench_harness.seeding import derive_rng
from nasbench_harness.space import Subspace
from nasbench_harness.supernet.layers import Precision
from nasbench_harness.supernet.network import NetworkShape, Supernet, live_codes
from nasbench_harness.supernet.precision import set_precision
from nasbench_harness.training.budget import Budget
from nasbench_harness.training.samplers import UniformSampler
from nasbench_harness.training.settings import Stage, TrainingSettings
from nasbench_harness.training.stage_run import StageRun

EPOCHS = 250
"""Of the supernet whose whole training is judged, on ``Plan.epoch_images`` images each."""


@dataclass(frozen=True)
class Plan:
    """Size of the network and of the measurement; ``scored`` are channels, cells, pixels and images of scoring."""

    channels: int = 16
    cells: int = 5
    side: int = 32
    batch: int = 64
    epoch_images: int = 25_000
    scored: tuple[tuple[int, int, int, int], ...] = ((16, 5, 32, 1000), (5, 5, 32, 500), (8, 1, 16, 500))
    groups: tuple[int, ...] = (1, 8, 64)
    repeats: int = 5
    steps: int = 20
    window: int = 64
    stretch: int = 200
    """Steps of real training from which 250 epochs are extrapolated."""
    processes: tuple[int, ...] = (1, 4, 8)


TINY = Plan(
    4, 1, 8, 8, 64, ((4, 1, 8, 16),), (1, 2), repeats=2, steps=2, window=3, stretch=3, processes=(1, 2)
)  # fmt: skip


class Clock:
    """What is left of the time that the whole call may take."""

    def __init__(self, minutes: float) -> None:
        self.end = time.monotonic() + 60 * minutes

    def left(self) -> float:
        """Seconds."""
        return self.end - time.monotonic()


class Bench:
    """Networks with equal weights, images and architectures, all on one device."""

    def __init__(self, device: torch.device, plan: Plan) -> None:
        self.device, self.plan = device, plan
        set_precision("float32", device)
        self.engine, self.reference = self.networks(plan.channels, plan.cells)
        images = random_images(plan.epoch_images, plan.side)
        self.training = DeviceImages(images, images.train, device)
        x_NCHW, self.labels = self.training.normalised(slice(0, plan.batch)), self.training.labels[: plan.batch]
        self.plain_NCHW = x_NCHW.contiguous()
        self.x_NCHW = x_NCHW.contiguous(memory_format=torch.channels_last)
        self.drawn = Subspace.full().sample(plan.steps, derive_rng("benchmark", "gpu"))
        self.codes = live_codes(self.drawn)

    def networks(self, channels: int, cells: int) -> tuple[Supernet, plain.PlainSupernet]:
        """Engine and reference with equal weights, the same at every call."""
        torch.manual_seed(0)
        engine = Supernet(NetworkShape(channels, cells, 3, CLASSES))
        reference = plain.PlainSupernet(channels, cells, 3, CLASSES)
        copy_weights(engine, reference)
        return engine.to(self.device), reference.to(self.device)

    @property
    def precisions(self) -> tuple[Precision, ...]:
        """Those that the device has."""
        return ("float32", "tf32", "bfloat16") if self.device.type == "cuda" else ("float32", "bfloat16")

    def precise(self, network: Supernet, precision: Precision) -> Supernet:
        """A copy of the network that computes in a precision."""
        twin = copy.deepcopy(network)
        twin.precision = precision
        return twin

    def images_of(self, side: int, count: int) -> DeviceImages:
        """So many images of a size."""
        images = random_images(count, side)
        return DeviceImages(images, images.train, self.device)

    def settle(self) -> None:
        """Wait until the device has done what it was given; nothing to wait for without one."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def timed(self, work: Callable[[], object], precision: Precision = "float32") -> Candidate:
        """A candidate that begins and ends with an idle device, and multiplies as ``precision`` says."""

        def candidate(repeat: int) -> None:
            set_precision(precision, self.device)
            work()
            self.settle()

        return candidate

    def compare(self, work: dict[str, Candidate], units: int) -> dict[str, Any]:
        """Time candidates in turns; seconds of a unit, and how many times longer the reference takes."""
        times = interleave(work, self.plan.repeats)
        seconds = {name: per_unit(spread, units) for name, spread in times.items()}
        base = seconds["reference"]
        ratios = {name: paired_ratio(base, spread) for name, spread in seconds.items() if spread is not base}
        return {
            "seconds": {name: spread.to_json() for name, spread in seconds.items()},
            "ratio": {name: spread.to_json() for name, spread in ratios.items()},
        }

    def run(self, network: Supernet, steps: int, name: str, images: DeviceImages | None = None) -> StageRun:
        """Real training with augmentation and bookkeeping, ready to start; ``images``: other than the bench's."""
        batch = self.plan.batch
        stage = Stage(name, Subspace.full(), steps * batch, UniformSampler())
        settings = TrainingSettings(batch_size=batch, augmentation=Augmentation(crop_padding=4))
        shown = self.training if images is None else images
        return StageRun(network, stage, shown, settings, Budget(stage.updates), ("benchmark", name))


def generator(*axes: str) -> np.random.Generator:
    """Draws of a case."""
    return derive_rng("benchmark", "gpu", *axes)
