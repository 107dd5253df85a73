"""The reference of the benchmark: a NAS-Bench-201 supernet as the field usually writes it, textbook style.

Every candidate operation of every edge is a module of its own; activations are NCHW; batch normalisation is PyTorch's
layer without affine part or running statistics; one architecture runs at a time, eagerly. All six edges of the drawn
architecture are computed, those included that cannot reach the output: ``none`` multiplies by zero. Where
public codes differ (docs/methods/one-shot.md), everything goes by batch statistics and no convolution has a bias, so
that reference and engine do the same mathematics. Images come one by one from a dataset, as NumPy arrays, and a
``DataLoader`` stacks them; the loader works in this process, because on the machines compared here worker processes
would take the cores from the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import Dataset

from nasbench_harness.space import EDGES, OPERATIONS


class Zero(nn.Module):
    """``none``: the input times zero."""

    def forward(self, x: Tensor) -> Tensor:
        """Zeros that still belong to the graph."""
        return x.mul(0.0)


def normalisation(channels: int) -> nn.Module:
    """Batch statistics at all times."""
    return nn.BatchNorm2d(channels, affine=False, track_running_stats=False)


class ReluConvNorm(nn.Module):
    """ReLU, convolution without bias, batch normalisation."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.operation = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False),
            normalisation(outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Apply the three in turn."""
        result: Tensor = self.operation(x)
        return result


MAKERS: dict[str, Callable[[int], nn.Module]] = {
    "none": lambda channels: Zero(),
    "skip_connect": lambda channels: nn.Identity(),
    "nor_conv_1x1": lambda channels: ReluConvNorm(channels, channels, 1),
    "nor_conv_3x3": lambda channels: ReluConvNorm(channels, channels, 3),
    "avg_pool_3x3": lambda channels: nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False),
}


class SearchCell(nn.Module):
    """Four nodes; on each of the six edges all five operations, of which one is chosen at every call."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.edges = nn.ModuleList(nn.ModuleList(MAKERS[name](channels) for name in OPERATIONS) for _ in EDGES)

    def forward(self, x: Tensor, choice: Sequence[int]) -> Tensor:
        """Each node is the sum of the chosen operations on the edges into it; the last node is the output."""
        nodes = [x]
        for target in (1, 2, 3):
            terms = [
                self.edges[number][choice[number]](nodes[source])  # type: ignore[index]
                for number, (source, end) in enumerate(EDGES)
                if end == target
            ]
            nodes.append(sum(terms[1:], terms[0]))
        return nodes[3]


class ResidualReduction(nn.Module):
    """Halves the image and doubles the channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_a = ReluConvNorm(channels, 2 * channels, 3, stride=2)
        self.conv_b = ReluConvNorm(2 * channels, 2 * channels, 3)
        self.downsample = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(channels, 2 * channels, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """Two convolutions beside a pooled shortcut."""
        result: Tensor = self.conv_b(self.conv_a(x)) + self.downsample(x)
        return result


class PlainSupernet(nn.Module):
    """The whole network: images ``[N, channels, H, W]`` and one architecture in, logits ``[N, classes]`` out."""

    def __init__(self, channels: int, cells: int, image_channels: int = 3, classes: int = 10) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(image_channels, channels, 3, padding=1, bias=False), normalisation(channels)
        )
        layers: list[nn.Module] = []
        for stage in range(3):
            if stage:
                layers.append(ResidualReduction(channels * 2 ** (stage - 1)))
            layers.extend(SearchCell(channels * 2**stage) for _ in range(cells))
        self.layers = nn.ModuleList(layers)
        self.last = nn.Sequential(normalisation(4 * channels), nn.ReLU())
        self.pooling = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(4 * channels, classes)

    def forward(self, x: Tensor, choice: Sequence[int]) -> Tensor:
        """Logits of the architecture with operation ``choice[e]`` on edge ``e`` of every cell."""
        x = self.stem(x)
        for layer in self.layers:
            x = layer(x, choice) if isinstance(layer, SearchCell) else layer(x)
        features = self.pooling(self.last(x)).flatten(1)
        logits: Tensor = self.classifier(features)
        return logits


def training_step(
    network: PlainSupernet, optimiser: torch.optim.Optimizer, x: Tensor, labels: Tensor, choice: Sequence[int]
) -> Tensor:
    """Forward, backward and one optimiser step of one architecture; returns its loss."""
    optimiser.zero_grad()
    loss = F.cross_entropy(network(x, choice), labels)
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    return loss.detach()


@torch.no_grad()
def score(
    network: PlainSupernet, choices: Iterable[Sequence[int]], batches: Sequence[tuple[Tensor, Tensor]]
) -> list[tuple[float, float]]:
    """Accuracy in percent and mean cross-entropy of each architecture, one after the other, over all batches."""
    network.eval()
    results = []
    for choice in choices:
        correct, loss, seen = 0, 0.0, 0
        for x, labels in batches:
            logits = network(x, choice)
            correct += int((logits.argmax(1) == labels).sum())
            loss += float(F.cross_entropy(logits, labels, reduction="sum"))
            seen += len(labels)
        results.append((100.0 * correct / seen, loss / seen))
    return results


class AugmentedImages(Dataset[tuple[np.ndarray, int]]):
    """Images by position: flipped at random, cropped at random after zero padding, then normalised."""

    def __init__(
        self, images: np.ndarray, labels: np.ndarray, mean: np.ndarray, std: np.ndarray, padding: int, seed: int
    ) -> None:
        """``images`` uint8 ``[N, C, H, W]``; ``mean`` and ``std`` float ``[C]`` on the scale 0..1."""
        self.images, self.labels, self.padding = images, labels, padding
        self.mean, self.std = (v.astype(np.float32)[:, None, None] for v in (mean, std))
        self.rng = np.random.default_rng(seed)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, position: int) -> tuple[np.ndarray, int]:
        image, p = self.images[position], self.padding
        if self.rng.random() < 0.5:
            image = image[:, :, ::-1]
        if p:
            _, height, width = image.shape
            top, left = self.rng.integers(2 * p + 1, size=2)
            image = np.pad(image, ((0, 0), (p, p), (p, p)))[:, top : top + height, left : left + width]
        return (image.astype(np.float32) / 255.0 - self.mean) / self.std, int(self.labels[position])
