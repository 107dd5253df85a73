"""How a loop begins: first losses and draws, the same after an interruption, different where anything drawn differs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nasbench_harness.images import ImageSet
from nasbench_harness.images.batches import Augmentation, DeviceImages
from nasbench_harness.space import Subspace
from nasbench_harness.supernet.network import NetworkShape, Supernet
from nasbench_harness.system.progress import Silent
from nasbench_harness.training.budget import Budget
from nasbench_harness.training.checkpoints import Checkpoints
from nasbench_harness.training.first_steps import COUNT, FirstSteps
from nasbench_harness.training.samplers import BalancedSampler, Sampler, UniformSampler
from nasbench_harness.training.settings import LossCurve, Stage, TrainingSettings
from nasbench_harness.training.trainer import StageRun, train

BATCH, STEPS = 20, 15
SETTINGS = TrainingSettings(batch_size=BATCH, learning_rate=0.05, augmentation=Augmentation(flip=False))


@pytest.fixture(scope="module")
def images(digits: ImageSet) -> DeviceImages:
    return DeviceImages(digits, digits.train[:200])


def stage_run(
    images: DeviceImages, seed: int = 0, sampler: Sampler | None = None, settings: TrainingSettings = SETTINGS
) -> StageRun:
    torch.manual_seed(0)
    network = Supernet(NetworkShape(4, 1, 1, 10))
    stage = Stage("supernet", Subspace.full(), STEPS * BATCH, sampler or UniformSampler())
    return StageRun(network, stage, images, settings, Budget(STEPS * BATCH), ("first steps", seed))


def trained(run: StageRun) -> LossCurve:
    return train([run], Silent(), Checkpoints())[0]


def test_they_are_the_losses_of_the_first_steps(images: DeviceImages) -> None:
    curve = trained(stage_run(images))  # so short a stage has a point of the curve for each step
    assert len(curve.loss) == STEPS
    assert curve.first_losses == pytest.approx(curve.loss[:COUNT], rel=1e-6)
    assert curve.to_json()["first_losses"] == list(curve.first_losses)


def test_several_losses_a_step_are_averaged(images: DeviceImages) -> None:
    curve = trained(stage_run(images, sampler=BalancedSampler("multi")))
    assert curve.first_losses == pytest.approx(curve.loss[:COUNT], rel=1e-6)


@pytest.mark.parametrize("done", [4, 12])
def test_an_interruption_changes_neither(images: DeviceImages, tmp_path: Path, done: int) -> None:
    whole = trained(stage_run(images))
    first = stage_run(images)
    first.advance(done, Silent())
    tensors, values = first.state()
    checkpoints = Checkpoints(tmp_path, "a unit")
    checkpoints.save("half", tensors, values)
    saved = checkpoints.load("half")
    assert saved is not None
    second = stage_run(images)
    second.restore(saved.tensors, saved.values)
    assert trained(second) == whole


def test_draws_are_those_of_the_seed_and_the_sampler_and_no_matter_of_weights(images: DeviceImages) -> None:
    draws = {
        "again": trained(stage_run(images)).draws,
        "other weights": trained(stage_run(images, settings=replace(SETTINGS, learning_rate=0.01))).draws,
        "seed": trained(stage_run(images, seed=1)).draws,
        "sampler": trained(stage_run(images, sampler=BalancedSampler())).draws,
        "images": trained(stage_run(images, settings=replace(SETTINGS, batch_size=10))).draws,
    }
    assert draws["again"] == draws["other weights"]
    assert len(set(draws.values())) == 4


def test_the_order_of_batches_counts_and_what_follows_the_first_steps_does_not() -> None:
    def draws(*batches: int) -> str:
        first = FirstSteps()
        for label in batches:
            first.note_batch(torch.tensor([label]))
            first.note_losses([torch.tensor(1.0)])
        return first.draws

    start = tuple(range(COUNT))
    assert draws(*start) == draws(*start, 3)
    assert draws(*start) != draws(*reversed(start))
