"""Training of one supernet: the step itself, the schedule, the meter, the errors, and repeatability."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from nasbench_harness.errors import RunError, UsageError
from nasbench_harness.images import ImageSet
from nasbench_harness.images.batches import Augmentation, DeviceImages
from nasbench_harness.space import N_ARCHITECTURES, Subspace, nonlinearity_count
from nasbench_harness.supernet.network import NetworkShape, Supernet, live_codes
from nasbench_harness.system.progress import Silent
from nasbench_harness.training import stage_run
from nasbench_harness.training.budget import Budget
from nasbench_harness.training.checkpoints import Checkpoints
from nasbench_harness.training.samplers import Sampler, UniformSampler
from nasbench_harness.training.settings import rate_of_step
from nasbench_harness.training.trainer import LossCurve, Stage, StageRun, TrainingSettings, rate_at, train

BATCH = 20
SETTINGS = TrainingSettings(batch_size=BATCH, learning_rate=0.05, augmentation=Augmentation(flip=False))
FULL = Subspace.full()
AXES = ("trainer", 0)


@dataclass(frozen=True)
class Fixed(Sampler):
    """The same architectures at every step, ``per_step`` of them."""

    architectures: tuple[int, ...]

    def per_step(self, subspace: Subspace) -> int:
        return len(self.architectures)

    def draw(self, subspace: Subspace, steps: int, rng: np.random.Generator) -> Any:
        return np.tile(np.array(self.architectures), (steps, 1))


class Listener(Silent):
    def __init__(self) -> None:
        self.phases: list[tuple[str, float, str]] = []
        self.done = 0.0

    def start(self, phase: str, total: float, unit: str) -> None:
        self.phases.append((phase, total, unit))

    def advance(self, amount: float) -> None:
        self.done += amount


@pytest.fixture(scope="module")
def images(digits: ImageSet) -> DeviceImages:
    return DeviceImages(digits, digits.train[:200])


@pytest.fixture
def rates(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The learning rate of every optimiser step that is taken, in order."""
    seen: list[float] = []
    rate_of = StageRun.rate_of

    def noted(self: StageRun, step: int) -> float:
        seen.append(rate_of(self, step))
        return seen[-1]

    monkeypatch.setattr(StageRun, "rate_of", noted)
    return seen


@pytest.fixture(params=["steps in C", "step by step"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How steps are done."""
    if request.param == "step by step":
        monkeypatch.setattr(stage_run.NativeSteps, "of", lambda run: None)
    return str(request.param)


def new_supernet(copies: tuple[int, ...] = ()) -> Supernet:
    torch.manual_seed(0)
    return Supernet(NetworkShape(4, 1, 1, 10, copies))


def weights(network: Supernet) -> list[torch.Tensor]:
    return [weight.detach().clone() for weight in network.parameters()]


def run(
    network: Supernet,
    images: DeviceImages,
    updates: int,
    settings: TrainingSettings = SETTINGS,
    sampler: Sampler | None = None,
    budget: Budget | None = None,
    axes: tuple[object, ...] = AXES,
    **others: Any,
) -> LossCurve:
    stage = Stage("supernet", FULL, updates, sampler or UniformSampler())
    progress = others.pop("progress", Silent())
    started = StageRun(network, stage, images, settings, budget or Budget(updates), axes, **others)
    return train([started], progress, Checkpoints())[0]


def test_the_loss_falls(images: DeviceImages) -> None:
    curve = run(new_supernet(), images, 200 * BATCH)
    assert np.mean(curve.loss[-5:]) < 0.8 * np.mean(curve.loss[:5])


def test_rate_follows_a_cosine_from_start_to_end() -> None:
    settings = replace(SETTINGS, learning_rate=0.5, learning_rate_end=0.1)
    assert rate_at(0, settings) == pytest.approx(0.5)
    assert rate_at(1, settings) == pytest.approx(0.1)
    assert rate_at(0.5, settings) == pytest.approx(0.3)
    assert rate_at(0.25, settings) == pytest.approx(0.3 + 0.2 * 2**-0.5)


@pytest.mark.parametrize("rate_changes", ["step", "epoch"])
def test_stages_may_go_through_one_cosine_after_the_other(rate_changes: Any) -> None:
    settings = replace(SETTINGS, rate_changes=rate_changes)
    whole = [rate_of_step(step, 40, 5, settings) for step in range(40)]
    first = [rate_of_step(step, 10, 5, settings, (0.0, 0.25)) for step in range(10)]
    second = [rate_of_step(step, 30, 5, settings, (0.25, 1.0)) for step in range(30)]
    assert [*first, *second] == pytest.approx(whole, rel=1e-12)


@pytest.mark.usefixtures("way")
def test_every_step_uses_the_rate_of_its_place_in_the_stage(images: DeviceImages, rates: list[float]) -> None:
    run(new_supernet(), images, 7 * BATCH)
    assert rates == pytest.approx([0.001 + 0.049 * (1 + np.cos(np.pi * step / 7)) / 2 for step in range(7)])


@pytest.mark.usefixtures("way")
def test_the_rate_may_move_once_an_epoch(images: DeviceImages, rates: list[float]) -> None:
    run(new_supernet(), images, 25 * BATCH, replace(SETTINGS, rate_changes="epoch"))
    assert rates == pytest.approx(
        [0.001 + 0.049 * (1 + np.cos(np.pi * (step // 10 * 10) / 25)) / 2 for step in range(25)]
    )


def test_the_last_smaller_batch_of_a_pass_is_trained_on_and_metered(
    images: DeviceImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two passes over 200 images in batches of 30."""
    seen: list[int] = []
    forward = Supernet.forward
    monkeypatch.setattr(stage_run.NativeSteps, "of", lambda run: None)  # the way that can be watched
    monkeypatch.setattr(Supernet, "forward", lambda self, x, *rest: (seen.append(len(x)), forward(self, x, *rest))[1])
    budget = Budget(400)
    settings = replace(SETTINGS, batch_size=30, last_batch="keep")
    curve = run(new_supernet(), images, 400, settings, budget=budget)
    assert seen == [30, 30, 30, 30, 30, 30, 20] * 2
    assert budget.used == curve.updates[-1] == 400


@pytest.mark.parametrize("architectures", [(8000,), (8000, 15624, 3125)])
def test_a_step_descends_the_sum_of_the_gradients_on_one_batch(
    images: DeviceImages, architectures: tuple[int, ...]
) -> None:
    """One step by hand; decay pulls only at weights that were used."""
    settings = replace(SETTINGS, momentum=0.0, nesterov=False, weight_decay=0.1)
    trained, by_hand = new_supernet(), new_supernet()
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []

    class Watched(DeviceImages):
        def __init__(self) -> None:
            self.pixels, self.labels = images.pixels, images.labels
            self._scale, self._shift = images._scale, images._shift

        def training_batches(self, *args: Any) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
            for batch in super().training_batches(*args):
                seen.append(batch)
                yield batch

    run(trained, Watched(), len(architectures) * BATCH, settings, Fixed(architectures))
    [(x_NCHW, labels)] = seen
    for code in live_codes(np.array(architectures)):
        F.cross_entropy(by_hand(x_NCHW, code), labels).backward()
    moved = 0
    for new, old in zip(trained.parameters(), by_hand.parameters(), strict=True):
        step = torch.zeros_like(old) if old.grad is None else 0.05 * (old.grad + 0.1 * old.detach())
        torch.testing.assert_close(new.detach(), old.detach() - step, rtol=1e-5, atol=1e-7)
        moved += old.grad is not None
    assert 0 < moved < len(list(by_hand.parameters()))


def test_momentum_is_nesterov(images: DeviceImages) -> None:
    """On the first step Nesterov momentum lengthens the step by the factor 1 + momentum."""
    architecture = Fixed((15624,))
    start, plain, nesterov = weights(new_supernet()), new_supernet(), new_supernet()
    run(plain, images, BATCH, replace(SETTINGS, momentum=0.0, nesterov=False), architecture)
    run(nesterov, images, BATCH, replace(SETTINGS, momentum=0.5), architecture)
    for old, one, other in zip(start, weights(plain), weights(nesterov), strict=True):
        torch.testing.assert_close(other - old, 1.5 * (one - old), rtol=1e-3, atol=1e-6)


def test_clipping_bounds_the_step(images: DeviceImages) -> None:
    network = new_supernet()
    start = weights(network)
    settings = replace(SETTINGS, momentum=0.0, nesterov=False, weight_decay=0.0, clip_norm=0.01)
    run(network, images, BATCH, settings)
    length = torch.sqrt(sum(((new - old) ** 2).sum() for new, old in zip(weights(network), start, strict=True)))
    assert float(length) == pytest.approx(0.05 * 0.01, rel=1e-2)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(("updates", "architectures", "steps"), [(100, 1, 5), (119, 1, 5), (119, 2, 2), (20, 1, 1)])
def test_the_meter_counts_optimiser_steps(
    images: DeviceImages, rates: list[float], updates: int, architectures: int, steps: int
) -> None:
    budget, progress = Budget(updates), Listener()
    sampler = Fixed((15624, 8000)[:architectures])
    curve = run(new_supernet(), images, updates, sampler=sampler, budget=budget, progress=progress)
    assert len(rates) == steps
    assert budget.used == steps * architectures * BATCH
    assert curve.updates[-1] == budget.used
    assert progress.phases == [("supernet", budget.used, "updates")]
    assert progress.done == budget.used


@pytest.mark.usefixtures("way")
def test_training_beyond_the_budget_stops_at_once(images: DeviceImages, rates: list[float]) -> None:
    with pytest.raises(RunError, match=r"budget of 100 .* exceeded"):
        run(new_supernet(), images, 10 * BATCH, budget=Budget(100))
    assert len(rates) <= 6


def test_a_batch_larger_than_the_image_set_is_an_error(images: DeviceImages) -> None:
    with pytest.raises(UsageError, match=r"training\.batch_size 201 exceeds the 200 training images"):
        run(new_supernet(), images, 1000, replace(SETTINGS, batch_size=201))


def test_a_batch_as_large_as_the_image_set_trains(images: DeviceImages) -> None:
    assert run(new_supernet(), images, 400, replace(SETTINGS, batch_size=200)).updates == (200, 400)


@pytest.mark.parametrize(("updates", "sampler"), [(19, UniformSampler()), (39, Fixed((1, 2))), (0, UniformSampler())])
def test_a_stage_shorter_than_a_step_is_an_error_that_names_it(
    images: DeviceImages, updates: int, sampler: Sampler
) -> None:
    with pytest.raises(UsageError, match=f"stage 'supernet' has {updates} architecture-updates"):
        run(new_supernet(), images, updates, sampler=sampler)


def test_divergence_is_an_error_that_names_the_stage(images: DeviceImages, rates: list[float]) -> None:
    with pytest.raises(RunError, match=r"stage 'supernet' diverged by step .* of 400") as raised:
        run(new_supernet(), images, 400 * BATCH, replace(SETTINGS, learning_rate=1e6))
    assert "learning_rate" in str(raised.value)
    assert "\n" not in str(raised.value)
    assert len(rates) < 400


@pytest.mark.parametrize("steps", [1, 7, 50, 130])
def test_the_loss_curve_covers_the_stage(images: DeviceImages, steps: int) -> None:
    curve = run(new_supernet(), images, steps * BATCH)
    assert curve.stage == "supernet"
    assert len(curve.updates) == len(curve.loss) <= 100
    assert list(curve.updates) == sorted(set(curve.updates))
    assert curve.updates[-1] == steps * BATCH
    assert len(curve.loss) >= min(steps, 50)


def test_the_same_axes_give_the_same_weights_whatever_the_global_generators_hold(images: DeviceImages) -> None:
    settings = replace(SETTINGS, augmentation=Augmentation(True, 1))
    one, other, third = new_supernet(), new_supernet(), new_supernet()
    first = run(one, images, 12 * BATCH, settings)
    torch.manual_seed(77)
    np.random.seed(77)  # noqa: NPY002 - the legacy generator is what must not matter
    assert run(other, images, 12 * BATCH, settings) == first
    assert all(torch.equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))
    assert run(third, images, 12 * BATCH, settings, axes=("trainer", 1)).loss != first.loss


def test_routes_train_the_copies_that_they_name_and_no_others(images: DeviceImages) -> None:
    network = new_supernet((1, 2, 2))
    start = network.state_dict()
    start = {name: weight.clone() for name, weight in start.items()}
    route_A = np.zeros((N_ARCHITECTURES, 3), dtype=np.int64)
    route_A[:, 1:] = (nonlinearity_count() == 3)[:, None]
    most = int(np.flatnonzero(nonlinearity_count() == 3)[0])
    run(network, images, 3 * BATCH, sampler=Fixed((most,)), route_A=route_A)
    moved = {name for name, weight in network.state_dict().items() if not torch.equal(weight, start[name])}
    assert any(name.startswith("cells.1.1.") for name in moved)
    assert not any(name.startswith(("cells.1.0.", "cells.2.0.")) for name in moved)
    assert any(name.startswith("cells.0.0.") for name in moved)
