"""No step makes the host wait for a device: on torch's "meta" device, which has no numbers, nothing can be read back.

Whatever reads a number (``item``, ``bool``, ``tolist``, a copy to the processor) raises there, so a step that runs on
it reads none. Its code is that of a GPU: all that asks for the device asks whether it is the processor.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from nasbench_harness.images import ImageSet
from nasbench_harness.images.batches import Augmentation, DeviceImages
from nasbench_harness.space import Subspace
from nasbench_harness.strategies.hep_nas.distillation import MutualDistillation, Peer
from nasbench_harness.strategies.hm_nas.edges import INCOMING, MIXED
from nasbench_harness.strategies.hm_nas.network import Mixture, binarise
from nasbench_harness.strategies.hm_nas.stages import OPERATION_GROUPS
from nasbench_harness.supernet.network import NetworkShape, Supernet
from nasbench_harness.system.progress import Silent
from nasbench_harness.training.budget import Budget
from nasbench_harness.training.first_steps import COUNT
from nasbench_harness.training.samplers import BalancedSampler, FairSampler, Sampler, UniformSampler
from nasbench_harness.training.settings import Stage, TrainingSettings
from nasbench_harness.training.stage_run import StageRun

BATCH, STEPS = 20, 5000  # a stretch of 100 steps: none ends within what a test trains
META = torch.device("meta")
PLAIN = TrainingSettings(batch_size=BATCH)
FULL = Subspace.full()


@pytest.fixture
def nowhere(digits: ImageSet) -> DeviceImages:
    return DeviceImages(digits, digits.train[:50], META)


def network(copies: tuple[int, ...] = ()) -> Supernet:
    return Supernet(NetworkShape(4, 1, 1, 10, copies)).to(META)


@dataclass(frozen=True)
class NoDigest:
    """Weights are digested before a stage, and after it."""

    def __call__(self, network: object) -> str:
        return ""


def run(
    images: DeviceImages, monkeypatch: pytest.MonkeyPatch, settings: TrainingSettings = PLAIN, **others: Any
) -> StageRun:
    monkeypatch.setattr("nasbench_harness.training.stage_run.weights_digest", NoDigest())
    sampler: Sampler = others.pop("sampler", UniformSampler())
    objective = {"objective": others.pop("objective")} if "objective" in others else {}
    updates = STEPS * BATCH * (sampler.per_step(FULL) + 1)
    stage = Stage("quiet", FULL, updates, sampler, **objective)
    return StageRun(others.pop("network", network()), stage, images, settings, Budget(updates), ("quiet",), **others)


@pytest.mark.parametrize(
    "settings",
    [
        PLAIN,
        replace(PLAIN, augmentation=Augmentation(crop_padding=2)),
        replace(PLAIN, augmentation=Augmentation(crop_padding=2, crop_fill="black"), last_batch="keep"),
        replace(PLAIN, clip_norm=1.0),
        replace(PLAIN, unsampled_weights="decay", rate_changes="epoch"),
        replace(PLAIN, unsampled_weights="decay-only"),
        replace(PLAIN, unsampled_weights="momentum-only"),
    ],
    ids=lambda s: f"{s.unsampled_weights}, {s.last_batch}, {s.augmentation}, {s.clip_norm}",
)
def test_a_step_of_a_stage_reads_nothing(
    settings: TrainingSettings, nowhere: DeviceImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = run(nowhere, monkeypatch, settings)
    started.advance(3, Silent())  # a pass over 50 images and the beginning of another
    assert started.done == 3


def test_nor_do_the_steps_that_are_noted_and_those_after_them(
    nowhere: DeviceImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = run(nowhere, monkeypatch)
    started.advance(COUNT + 2, Silent())
    assert not started.beginning.missing


@pytest.mark.parametrize("sampler", [BalancedSampler("multi"), FairSampler()])
def test_nor_do_several_architectures_a_step(
    sampler: Sampler, nowhere: DeviceImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = run(nowhere, monkeypatch, sampler=sampler)
    started.advance(2, Silent())
    assert started.losses_a_step > 1


def test_nor_do_cell_copies(nowhere: DeviceImages, monkeypatch: pytest.MonkeyPatch) -> None:
    route_A = np.random.default_rng(0).integers(0, 2, (15625, 3))
    run(nowhere, monkeypatch, network=network((2, 2, 2)), route_A=route_A).advance(3, Silent())


def test_nor_does_distillation(nowhere: DeviceImages, monkeypatch: pytest.MonkeyPatch) -> None:
    objective = MutualDistillation([Peer(network(), FULL, (0,))], network(), "both", ("peers",))
    started = run(nowhere, monkeypatch, objective=objective)
    started.advance(3, Silent())
    assert started.tells_cross_entropy


def test_nor_do_masks_of_a_mixture() -> None:
    x_NCHW = torch.empty(4, 1, 8, 8, device=META)
    real = torch.empty(6, len(MIXED), device=META, requires_grad=True)
    edges = torch.empty(6, device=META, requires_grad=True)
    weight_EM = binarise(real, 0.0, OPERATION_GROUPS) * binarise(edges, 0.0, INCOMING)[:, None]
    Mixture(network())(x_NCHW, weight_EM).sum().backward()
    assert real.grad is not None


def test_a_step_that_reads_a_number_would_be_seen(nowhere: DeviceImages, monkeypatch: pytest.MonkeyPatch) -> None:
    started = run(nowhere, monkeypatch)
    whole = started.loss_of

    def reading(position: int, x_NCHW: Tensor, labels: Tensor) -> Tensor:
        loss = whole(position, x_NCHW, labels)
        float(loss.detach())
        return loss

    monkeypatch.setattr(started, "loss_of", reading)
    with pytest.raises(RuntimeError, match="meta"):
        started.advance(1, Silent())
