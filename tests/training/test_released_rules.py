"""Training beside a literal network of ordinary modules, in float64: the rules for weights that a step does not use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nasbench_harness.images import ImageSet
from nasbench_harness.images.batches import Augmentation, DeviceImages
from nasbench_harness.space import CONV_1X1, CONV_3X3, EDGES, POOL, SKIP, Subspace, connected, index_to_code, live_cells
from nasbench_harness.supernet import network as network_module
from nasbench_harness.supernet.network import NetworkShape, Supernet, live_codes
from nasbench_harness.system.progress import Silent
from nasbench_harness.training.budget import Budget
from nasbench_harness.training.checkpoints import Checkpoints
from nasbench_harness.training.native_steps import NativeSteps
from nasbench_harness.training.samplers import Sampler, UniformSampler
from nasbench_harness.training.settings import Stage, TrainingSettings, UnsampledWeights, rate_at
from nasbench_harness.training.stage_run import StageRun
from nasbench_harness.training.trainer import train

BATCH, STEPS, CELLS = 24, 10, 2
FULL = Subspace.full()
SETTINGS = TrainingSettings(batch_size=BATCH, learning_rate=0.05, weight_decay=0.01, augmentation=Augmentation(False))


@dataclass(frozen=True)
class Crippled(Sampler):
    """Connected architectures, every second one with dead edges."""

    def draw(self, subspace: Subspace, steps: int, rng: np.random.Generator) -> Any:
        every = np.flatnonzero(connected())
        dead = np.setdiff1d(every, live_cells())
        drawn = rng.choice(every, steps)
        drawn[::2] = rng.choice(dead, len(drawn[::2]))
        return drawn[:, None]


class Doubles(DeviceImages):
    """Images in float64."""

    def training_batches(self, *args: Any, **kwargs: Any) -> Iterator[tuple[Tensor, Tensor]]:
        for x_NCHW, labels in super().training_batches(*args, **kwargs):
            yield x_NCHW.double(), labels


@pytest.fixture(scope="module")
def images(digits: ImageSet) -> DeviceImages:
    return Doubles(digits, digits.train[: BATCH * 5])


def norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, affine=False, track_running_stats=False)


def relu_conv_norm(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(nn.ReLU(), convolution, norm(outputs))


class LiteralCell(nn.Module):
    """Every operation of every edge is a module; ``none`` multiplies by zero: gradients are zero, not absent."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_1x1 = nn.ModuleList(relu_conv_norm(channels, channels, 1) for _ in EDGES)
        self.conv_3x3 = nn.ModuleList(relu_conv_norm(channels, channels, 3) for _ in EDGES)

    def operation(self, edge: int, op: int, x: Tensor) -> Tensor:
        if op == CONV_1X1:
            return self.conv_1x1[edge](x)
        if op == CONV_3X3:
            return self.conv_3x3[edge](x)
        if op == POOL:
            return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        return x if op == SKIP else x * 0.0

    def forward(self, x: Tensor, code: tuple[int, ...]) -> Tensor:
        nodes = [x]
        for node in (1, 2, 3):
            incoming = [(edge, source) for edge, (source, target) in enumerate(EDGES) if target == node]
            nodes.append(sum(self.operation(edge, code[edge], nodes[source]) for edge, source in incoming))
        return nodes[3]


class LiteralReduction(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_a = relu_conv_norm(channels, 2 * channels, 3, 2)
        self.conv_b = relu_conv_norm(2 * channels, 2 * channels, 3)
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(channels, 2 * channels, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv_b(self.conv_a(x)) + self.shortcut(x)


class Literal(nn.Module):
    """The supernet written down as it is described, with the weights of one of ours."""

    def __init__(self, ours: Supernet) -> None:
        super().__init__()
        shape = ours.shape
        self.stem = nn.Sequential(nn.Conv2d(shape.image_channels, shape.channels, 3, 1, 1, bias=False), norm(4))
        self.cells = nn.ModuleList(LiteralCell(shape.channels * 2 ** (n // CELLS)) for n in range(3 * CELLS))
        self.reductions = nn.ModuleList(LiteralReduction(shape.channels * 2**stage) for stage in range(2))
        self.last = norm(4 * shape.channels)
        self.classifier = nn.Linear(4 * shape.channels, shape.classes)
        self.double()
        own = dict(self.named_parameters())
        self.names = {name: self.name_of(name) for name, _ in ours.named_parameters()}
        assert set(self.names.values()) == set(own)
        with torch.no_grad():
            for name, weight in ours.named_parameters():
                own[self.names[name]].copy_(weight)

    @staticmethod
    def name_of(ours: str) -> str:
        if ours == "stem":
            return "stem.0.weight"
        if ours.startswith("reductions"):
            return f"{ours}.1.weight"
        if ours.startswith("cells"):
            _, cell, _, kind, edge = ours.split(".")  # the third part is the copy
            return f"cells.{cell}.{kind}.{edge}.1.weight"
        return ours

    def forward(self, x: Tensor, code: tuple[int, ...]) -> Tensor:
        x = self.stem(x)
        for position, cell in enumerate(self.cells):
            if position and position % CELLS == 0:
                x = self.reductions[position // CELLS - 1](x)
            x = cell(x, code)
        return self.classifier(F.relu(self.last(x)).mean((2, 3)))


def new_supernet() -> Supernet:
    torch.manual_seed(0)
    return Supernet(NetworkShape(4, CELLS, 1, 10)).double()


def started(network: Supernet, images: DeviceImages, rule: UnsampledWeights, steps: int = STEPS) -> StageRun:
    stage = Stage("supernet", FULL, steps * BATCH, Crippled())
    settings = replace(SETTINGS, unsampled_weights=rule)
    return StageRun(network, stage, images, settings, Budget(steps * BATCH), ("released", 0))


def descended(literal: Literal, images: DeviceImages, architectures: np.ndarray, rule: UnsampledWeights) -> list[float]:
    """Losses of training the literal network as the released code does, or as torch >= 2.0 would have it."""
    optimiser = torch.optim.SGD(literal.parameters(), lr=1.0, momentum=0.9, nesterov=True, weight_decay=0.01)
    every = [tuple(code) for code in index_to_code(architectures).tolist()]
    codes = every if rule == "decay" else live_codes(architectures)
    batches = images.training_batches(BATCH, SETTINGS.augmentation, derive("supernet", "images"))
    losses = []
    for step, code in enumerate(codes):
        x_NCHW, labels = next(batches)
        optimiser.param_groups[0]["lr"] = rate_at(step / len(codes), SETTINGS)
        optimiser.zero_grad(set_to_none=rule == "freeze")
        loss = F.cross_entropy(literal(x_NCHW, code), labels)
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    return losses


def derive(*purpose: str) -> int:
    from nasbench_harness.seeding import derive_seed

    return derive_seed("released", 0, *purpose)


@pytest.mark.parametrize("way", ["steps in C", "kernels one by one", "torch"])
@pytest.mark.parametrize("rule", ["decay", "freeze"])
def test_ten_steps_agree_with_a_literal_network(
    images: DeviceImages, rule: UnsampledWeights, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way != "steps in C":
        monkeypatch.setattr(NativeSteps, "of", lambda run: None)
    if way == "torch":
        monkeypatch.setattr(network_module, "kernels_for", lambda *_: None)
    network = new_supernet()
    literal = Literal(network)
    run = started(network, images, rule)
    train([run], Silent(), Checkpoints())
    losses = descended(literal, images, run.architectures, rule)
    assert run.losses == pytest.approx(losses, abs=1e-6)  # added up in float32
    theirs = dict(literal.named_parameters())
    for name, weight in network.named_parameters():
        torch.testing.assert_close(weight, theirs[literal.names[name]], rtol=0, atol=1e-9, msg=name)


def test_the_two_rules_differ_where_a_weight_was_not_sampled(images: DeviceImages) -> None:
    frozen, decayed = new_supernet(), new_supernet()
    runs = [started(frozen, images, "freeze"), started(decayed, images, "decay")]
    for run in runs:
        train([run], Silent(), Checkpoints())
    moved = [(a - b).abs().max() for a, b in zip(frozen.parameters(), decayed.parameters(), strict=True)]
    assert max(moved) > 1e-3


@pytest.mark.parametrize("rule", ["decay", "decay-only", "momentum-only", "freeze"])
def test_one_unused_step_does_to_a_weight_what_the_rule_says(images: DeviceImages, rule: UnsampledWeights) -> None:
    """By hand: a weight used at the first step and not at the second."""
    network, decay = new_supernet(), SETTINGS.weight_decay

    class Alternating(Sampler):
        def draw(self, subspace: Subspace, steps: int, rng: np.random.Generator) -> Any:
            # conv 3x3 everywhere, then skips everywhere
            return np.array([[sum(op * 5 ** (5 - e) for e in range(6))] for op in (CONV_3X3, SKIP)])

    stage = Stage("supernet", FULL, 2 * BATCH, Alternating())
    settings = replace(SETTINGS, unsampled_weights=rule)
    run = StageRun(network, stage, images, settings, Budget(2 * BATCH), ("rules", 0))
    weight = network.cells[0][0].conv_3x3[0]
    run.advance(1, Silent())
    before, momentum = weight.detach().clone(), run._optimiser.state[weight]["momentum_buffer"].clone()
    run.advance(1, Silent())
    after, later = weight.detach(), run._optimiser.state[weight]["momentum_buffer"]
    rate = rate_at(0.5, settings)
    gradient = {"decay": decay * before, "momentum-only": torch.zeros_like(before)}.get(rule)
    if gradient is None:
        expected = before * (1 - rate * decay) if rule == "decay-only" else before
        torch.testing.assert_close(later, momentum, rtol=0, atol=0)
    else:
        buffer = 0.9 * momentum + gradient
        expected = before - rate * (gradient + 0.9 * buffer)  # Nesterov
        torch.testing.assert_close(later, buffer, rtol=0, atol=1e-15)
    torch.testing.assert_close(after, expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize("momentum", [0.9, 0.0])
@pytest.mark.parametrize("rule", ["decay", "decay-only", "momentum-only"])
def test_an_interrupted_run_remembers_what_was_used(
    images: DeviceImages, rule: UnsampledWeights, momentum: float
) -> None:
    settings = replace(SETTINGS, unsampled_weights=rule, momentum=momentum, nesterov=momentum > 0)

    def begun(network: Supernet) -> StageRun:
        stage = Stage("supernet", FULL, STEPS * BATCH, UniformSampler())
        return StageRun(network, stage, images, settings, Budget(STEPS * BATCH), ("released", 0))

    whole = new_supernet()
    begun(whole).advance(STEPS, Silent())
    first = begun(new_supernet())
    first.advance(4, Silent())
    tensors, values = first.state()
    tensors = {name: tensor.detach().clone() for name, tensor in tensors.items()}
    second = begun(new_supernet())
    second.restore(tensors, values)
    second.advance(STEPS, Silent())
    for one, other in zip(whole.parameters(), second.network.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
