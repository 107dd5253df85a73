"""The parts of the weight-sharing network, and what an engine needs to know of the whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nasbench_harness.space import CONV_1X1, EDGES, N_STAGES, NONE, POOL, SKIP
from nasbench_harness.supernet.operations import avg_pool_2x2, avg_pool_3x3, batch_norm

Code = tuple[int, ...]
Precision = Literal["float32", "tf32", "bfloat16"]
"""Of activations and convolutions; weights, statistics of batch normalisation and logits are float32 in any.

"tf32": float32 whose products a CUDA device may round to ten digits (``precision.set_precision``).
"""


@dataclass(frozen=True)
class NetworkShape:
    """Size of a supernet: stem channels, cells per stage, image channels and classes.

    ``copies`` gives for each of the ``3 * cells`` cells how many sets of weights it holds (empty: one each).
    """

    channels: int
    cells: int
    image_channels: int
    classes: int
    copies: tuple[int, ...] = ()

    @property
    def cell_count(self) -> int:
        """Searchable cells of the whole network."""
        return N_STAGES * self.cells


def new_convolution(inputs: int, outputs: int, kernel: int) -> nn.Parameter:
    """Weights drawn as PyTorch's own convolution layers draw them, in channels-last memory."""
    weight = torch.empty(outputs, inputs, kernel, kernel)
    nn.init.kaiming_uniform_(weight, a=5**0.5)
    return nn.Parameter(weight.contiguous(memory_format=torch.channels_last))


def convolution(x_NCHW: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    """Convolution in the precision of the activations."""
    return F.conv2d(x_NCHW, weight.to(x_NCHW.dtype), stride=stride, padding=padding)


class Cell(nn.Module):
    """Both convolutions on each of the six edges; skip, pooling and ``none`` have no weights."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_1x1 = nn.ParameterList(new_convolution(channels, channels, 1) for _ in EDGES)
        self.conv_3x3 = nn.ParameterList(new_convolution(channels, channels, 3) for _ in EDGES)

    def convolve(self, edge: int, op: int, relu_NCHW: Tensor) -> Tensor:
        """Convolution and normalisation on ``edge`` of an input whose ReLU was taken."""
        if op == CONV_1X1:
            return batch_norm(convolution(relu_NCHW, self.conv_1x1[edge]))
        return batch_norm(convolution(relu_NCHW, self.conv_3x3[edge], padding=1))

    def operation(self, edge: int, op: int, x_NCHW: Tensor) -> Tensor:
        """Output of operation ``op`` (not ``none``) on ``edge``."""
        if op == SKIP:
            return x_NCHW
        if op == POOL:
            return avg_pool_3x3(x_NCHW)
        return self.convolve(edge, op, F.relu(x_NCHW))

    def forward(self, x_NCHW: Tensor, code: Code) -> Tensor:
        """Run one architecture whose dead edges are ``none``; without a path the output is zero."""
        nodes: list[Tensor | None] = [x_NCHW, None, None, None]
        relus: list[Tensor | None] = [None] * 3  # of a node, once for all convolutions that read it
        for edge, (source, target) in enumerate(EDGES):
            x, op = nodes[source], code[edge]
            if op == NONE or x is None:
                continue
            if op in (SKIP, POOL):
                y = self.operation(edge, op, x)
            else:
                relu = relus[source]
                if relu is None:
                    relu = relus[source] = F.relu(x)
                y = self.convolve(edge, op, relu)
            so_far = nodes[target]
            nodes[target] = y if so_far is None else so_far + y
        output = nodes[3]
        return torch.zeros_like(x_NCHW) if output is None else output


class Reduction(nn.Module):
    """Residual block that halves the image and doubles the channels: two ReLU-conv-BN beside pooling and 1 x 1."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_a = new_convolution(channels, 2 * channels, 3)
        self.conv_b = new_convolution(2 * channels, 2 * channels, 3)
        self.shortcut = new_convolution(channels, 2 * channels, 1)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        a = batch_norm(convolution(F.relu(x_NCHW), self.conv_a, stride=2, padding=1))
        b = batch_norm(convolution(F.relu(a), self.conv_b, padding=1))
        return b + convolution(avg_pool_2x2(x_NCHW), self.shortcut)


class Layered(Protocol):
    """A supernet as the engines see it; ``Supernet`` documents the members."""

    shape: NetworkShape
    stem: nn.Parameter
    reductions: nn.ModuleList

    @property
    def activation_dtype(self) -> torch.dtype:
        """What activations are computed in."""

    def along(self, route: Sequence[int]) -> Iterator[tuple[Reduction | None, Cell]]:
        """The cells of a route in order, each with the reduction before it."""

    def head(self, x_NCHW: Tensor) -> Tensor:
        """Logits from the output of the last cell."""
