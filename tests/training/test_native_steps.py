"""Many steps in one call against steps one by one: losses, weights, momenta and marks, for all that a stage may be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from nasbench_harness.images import ImageSet
from nasbench_harness.images.batches import Augmentation, DeviceImages
from nasbench_harness.native import kernels, kernels_description
from nasbench_harness.space import N_ARCHITECTURES, Subspace
from nasbench_harness.strategies.trajectory import Trajectory
from nasbench_harness.supernet.network import NetworkShape, Supernet
from nasbench_harness.system.progress import Silent
from nasbench_harness.training.budget import Budget
from nasbench_harness.training.native_steps import NativeSteps
from nasbench_harness.training.samplers import BalancedSampler, Sampler, UniformSampler
from nasbench_harness.training.settings import Stage, TrainingSettings
from nasbench_harness.training.stage_run import StageRun

pytestmark = pytest.mark.skipif(kernels() is None, reason=f"no kernels here: {kernels_description()}")

BATCH, FULL = 24, Subspace.full()
SETTINGS = TrainingSettings(BATCH, 0.05, augmentation=Augmentation(crop_padding=1, crop_fill="black"))
COPIES = (2, 1, 3)


class Doubles(DeviceImages):
    """Images in float64."""

    def training_batches(self, *args: Any, **kwargs: Any) -> Any:
        for x_NCHW, labels in super().training_batches(*args, **kwargs):
            yield x_NCHW.double(), labels


@pytest.fixture(scope="module")
def images(digits: ImageSet) -> DeviceImages:
    return Doubles(digits, digits.train[:100])


def stage_run(
    images: DeviceImages,
    settings: TrainingSettings = SETTINGS,
    sampler: Sampler | None = None,
    steps: int = 10,
    copies: tuple[int, ...] = (),
    native: bool = True,
    dtype: torch.dtype = torch.float64,
    channels: int = 4,
) -> StageRun:
    torch.manual_seed(0)
    network = Supernet(NetworkShape(channels, 1, 1, 10, copies)).to(dtype)
    sampler = sampler or UniformSampler()
    updates = steps * settings.batch_size * sampler.per_step(FULL)
    route_A = np.random.default_rng(0).integers(0, COPIES, (N_ARCHITECTURES, 3)) if copies else None
    run = StageRun(
        network, Stage("supernet", FULL, updates, sampler), images, settings, Budget(updates), ("x", 0), route_A
    )
    if not native:
        run._native = None
    return run


def trained(images: DeviceImages, *args: Any, **kwargs: Any) -> StageRun:
    run = stage_run(images, *args, **kwargs)
    native = run._native is not None
    run.advance(run.steps, Silent())
    assert isinstance(run._native, NativeSteps) == native
    return run


CASES = {
    "plain": {"settings": replace(SETTINGS, augmentation=Augmentation(False))},
    "decay, the last batch kept": {"settings": replace(SETTINGS, unsampled_weights="decay", last_batch="keep")},
    "decay only": {"settings": replace(SETTINGS, unsampled_weights="decay-only")},
    "momentum only": {"settings": replace(SETTINGS, unsampled_weights="momentum-only")},
    "no Nesterov, mean border": {
        "settings": replace(SETTINGS, nesterov=False, augmentation=Augmentation(True, 2, "mean"))
    },
    "gradients clipped": {"settings": replace(SETTINGS, clip_norm=0.5, unsampled_weights="decay")},
    "a bound that clips some steps": {"settings": replace(SETTINGS, clip_norm=3.0)},
    "without momentum": {"settings": replace(SETTINGS, nesterov=False, momentum=0.0)},
    "three architectures a step": {"sampler": BalancedSampler("multi"), "steps": 6},
    "copies of cells": {"copies": COPIES, "settings": replace(SETTINGS, unsampled_weights="decay")},
    "wide enough for fewer products": {"channels": 12, "steps": 4},
}


@pytest.mark.parametrize("case", CASES)
def test_they_agree_in_double_precision(images: DeviceImages, case: str) -> None:
    one, other = (trained(images, **CASES[case], native=native) for native in (True, False))
    assert one.curve.first_losses == pytest.approx(other.curve.first_losses, abs=1e-12)
    assert (one.curve.draws, one.curve.first_rates) == (other.curve.draws, other.curve.first_rates)
    (tensors, values), (other_tensors, other_values) = one.state(), other.state()
    assert sorted(values.get("used", ())) == sorted(other_values.get("used", ()))
    assert tensors.keys() == other_tensors.keys()
    for name, tensor in tensors.items():
        torch.testing.assert_close(tensor, other_tensors[name], rtol=0, atol=1e-11, msg=name)
    for weight, theirs in zip(one.network.parameters(), other.network.parameters(), strict=True):
        state, their_state = one._optimiser.state.get(weight, {}), other._optimiser.state.get(theirs, {})
        momentum, their_momentum = state.get("momentum_buffer"), their_state.get("momentum_buffer")
        if their_momentum is not None:
            assert momentum is not None
            torch.testing.assert_close(momentum, their_momentum, rtol=0, atol=1e-10)


def test_the_losses_of_the_first_steps_agree_in_single_precision(digits: ImageSet) -> None:
    """Later ones need not: where rounding moves an input of a ReLU across zero, another gradient passes."""
    images = DeviceImages(digits, digits.train[:100])
    one, other = (trained(images, steps=4, native=native, dtype=torch.float32) for native in (True, False))
    assert one.curve.first_losses == pytest.approx(other.curve.first_losses, abs=1e-5)


def test_bits_do_not_depend_on_where_training_is_cut(images: DeviceImages) -> None:
    settings = replace(SETTINGS, unsampled_weights="decay", last_batch="keep")
    whole = trained(images, settings, steps=30)
    cut = stage_run(images, settings, steps=30)
    for steps in (1, 13, 2):
        cut.advance(steps, Silent())
    tensors, values = cut.state()
    resumed = stage_run(images, settings, steps=30)
    resumed.restore({name: tensor.clone() for name, tensor in tensors.items()}, values)
    resumed.advance(30, Silent())
    assert resumed.curve == whole.curve  # with digests of the weights


def test_bits_do_not_depend_on_the_number_of_threads(images: DeviceImages) -> None:
    before, curves = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            curves.append(trained(images, steps=6).curve)
    finally:
        torch.set_num_threads(before)
    assert curves[0] == curves[1]


def test_a_watcher_looks_after_its_steps_and_not_later(images: DeviceImages) -> None:
    run, seen = stage_run(images, steps=20), []
    trajectory = Trajectory.of((0.15, 0.5, 1.0), np.array([8000, 15624]))

    def look(cells: np.ndarray) -> dict[str, np.ndarray]:
        seen.append(run.done)
        return {"accuracy": np.zeros(len(cells)), "negative_loss": np.zeros(len(cells))}

    run.watcher = trajectory.watch(run.stage, lambda fraction: round(fraction * run.steps), look)
    run.advance(20, Silent())
    assert seen == [3, 10, 20]


def test_what_they_cannot_do_is_done_step_by_step(images: DeviceImages) -> None:
    """Here half of the lanes would be empty."""
    run = stage_run(images, replace(SETTINGS, batch_size=9), steps=2)
    run.advance(2, Silent())
    assert run.done == 2
    assert run._native is None
