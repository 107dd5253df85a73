"""Digits, a few architectures, and a network written again in the plainest way as the reference for the fast one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from nasbench_harness.images import ImageSet
from nasbench_harness.predictors import PredictorContext, sweep
from nasbench_harness.supernet.network import NetworkShape
from nasbench_harness.supernet.untrained import Initialisation, UntrainedNetwork

# Edges as numbered by the benchmark: e0=1<-0, e1=2<-0, e2=2<-1, e3=3<-0, e4=3<-1, e5=3<-2
EDGE_OF = {(0, 1): 0, (0, 2): 1, (1, 2): 2, (0, 3): 3, (1, 3): 4, (2, 3): 5}
SHAPE = NetworkShape(4, 1, 1, 10)
CODES = {
    "all 3x3": (3, 3, 3, 3, 3, 3),
    "mixed": (2, 4, 3, 1, 2, 3),
    "one convolution": (0, 0, 0, 3, 0, 0),
    "long chain": (3, 0, 2, 0, 0, 3),
    "pooling": (0, 4, 0, 1, 0, 4),
}


class PlainNetwork:
    """The same function with torch's own operations, nodes by recursion; every weight is a tensor of its own."""

    def __init__(self, network: UntrainedNetwork, dtype: torch.dtype = torch.float64, norm: bool = True) -> None:
        self.code, self.cells, self.norm = network.code, network.shape.cells, norm
        self.weights = {n: w.detach().to(dtype).clone().contiguous() for n, w in network.weights.items()}
        self.bias = network.bias.to(dtype)
        self.relu_inputs: list[Tensor] = []

    def relu(self, x: Tensor) -> Tensor:
        self.relu_inputs.append(x.detach())
        return torch.where(x > 0, x, torch.zeros_like(x))

    def normed(self, x: Tensor) -> Tensor:
        return F.batch_norm(x, None, None, training=True) if self.norm else x

    def conv(self, name: str, x: Tensor, stride: int = 1) -> Tensor:
        w = self.weights[name]
        return self.normed(F.conv2d(self.relu(x), w, stride=stride, padding=w.shape[-1] // 2))

    def cell(self, name: str, x: Tensor) -> Tensor:
        known: dict[int, Tensor | None] = {0: x}

        def node(target: int) -> Tensor | None:
            if target not in known:
                known[target] = total(target)
            return known[target]

        def total(target: int) -> Tensor | None:
            parts = []
            for source in range(target):
                edge = EDGE_OF[source, target]
                op, y = self.code[edge], node(source)
                if op and y is not None:
                    parts.append(self.operation(f"{name}.{edge}", op, y))
            return sum(parts[1:], parts[0]) if parts else None

        result = node(3)
        assert result is not None
        return result

    def operation(self, name: str, op: int, x: Tensor) -> Tensor:
        if op == 1:
            return x
        return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False) if op == 4 else self.conv(name, x)

    def features(self, x: Tensor) -> list[Tensor]:
        self.relu_inputs = []
        out = [self.normed(F.conv2d(x, self.weights["stem"], padding=1))]
        for stage in range(3):
            if stage:
                x = out[-1]
                y = self.conv(f"reduce{stage}.b", self.conv(f"reduce{stage}.a", x, 2))
                out.append(y + F.conv2d(F.avg_pool2d(x, 2), self.weights[f"reduce{stage}.shortcut"]))
            for number in range(self.cells):
                out.append(self.cell(f"cell{stage}.{number}", out[-1]))
        return out

    def __call__(self, x: Tensor) -> Tensor:
        pixels = self.relu(self.normed(self.features(x)[-1])).mean((2, 3))
        return pixels @ self.weights["classifier"][:, :, 0, 0].T + self.bias


@pytest.fixture
def plain() -> type[PlainNetwork]:
    return PlainNetwork


@pytest.fixture(params=CODES.values(), ids=CODES)
def code(request: pytest.FixtureRequest) -> tuple[int, ...]:
    return request.param


@pytest.fixture
def fresh() -> Callable[..., UntrainedNetwork]:
    """A small network of a code: ``fresh(code, seed=, initialisation=, dtype=)``."""

    def make(
        code: tuple[int, ...],
        seed: int = 5,
        initialisation: Initialisation = "pytorch",
        dtype: torch.dtype = torch.float32,
    ) -> UntrainedNetwork:
        return UntrainedNetwork(code, SHAPE, seed, initialisation, dtype)

    return make


@pytest.fixture
def context(digits: ImageSet) -> PredictorContext:
    return PredictorContext(channels=4, cells=1, size=8, batch=12, seed=3, images=digits)


@pytest.fixture
def few_cells(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """A sweep over every 300th cell only; the others then count as having no path."""
    some = sweep.connected_live_cells()[::300]
    monkeypatch.setattr(sweep, "connected_live_cells", lambda: some)
    return some
