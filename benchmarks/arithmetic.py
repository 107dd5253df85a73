"""Operations and bytes of the network, computed from its shapes: what the roofline compares the clock with.

A multiplication with its addition counts as two operations. Bytes assume that every operation reads its inputs from
memory and writes its output back once, and nothing else; caches can only make that less.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from nasbench_harness.space import CONV_1X1, CONV_3X3, EDGES, NONE, POOL

FLOAT = 4
BACKWARD = 2
"""A convolution has two gradients, each with as many operations as its output; elementwise work is taken alike."""


@dataclass(frozen=True)
class Load:
    """Floating-point operations of convolutions, and bytes moved by convolutions and by everything else."""

    operations: float
    convolution_bytes: float
    elementwise_bytes: float

    def __add__(self, other: Load) -> Load:
        return Load(
            self.operations + other.operations,
            self.convolution_bytes + other.convolution_bytes,
            self.elementwise_bytes + other.elementwise_bytes,
        )

    def times(self, factor: float) -> Load:
        """So many times the load."""
        return Load(self.operations * factor, self.convolution_bytes * factor, self.elementwise_bytes * factor)

    @property
    def bytes(self) -> float:
        """All bytes."""
        return self.convolution_bytes + self.elementwise_bytes


NOTHING = Load(0.0, 0.0, 0.0)


def convolution(inputs: int, outputs: int, kernel: int, side: int, stride: int = 1) -> Load:
    """One image through one convolution of a square image of ``side`` pixels, followed by batch normalisation."""
    pixels = (side // stride) ** 2
    operations = 2.0 * kernel**2 * inputs * outputs * pixels
    return Load(operations, FLOAT * (inputs * side**2 + outputs * pixels), 3 * FLOAT * outputs * pixels)


def cell(code: Sequence[int], channels: int, side: int) -> Load:
    """One image through one searchable cell whose dead edges are ``none``."""
    size = FLOAT * channels * side**2
    load, arrivals, rectified = NOTHING, Counter[int](), set[int]()
    for edge, (source, target) in enumerate(EDGES):
        op = code[edge]
        if op == NONE:
            continue
        arrivals[target] += 1
        if op == POOL:
            load += Load(0, 0, 2 * size)
        elif op in (CONV_1X1, CONV_3X3):
            rectified.add(source)
            load += convolution(channels, channels, 3 if op == CONV_3X3 else 1, side)
    additions = sum(number - 1 for number in arrivals.values())
    return load + Load(0, 0, size * (3 * additions + 2 * len(rectified)))


def reduction(channels: int, side: int) -> Load:
    """One image through the block that halves its side."""
    small, elementwise = FLOAT * 2 * channels * (side // 2) ** 2, FLOAT * channels * side**2
    return (
        convolution(channels, 2 * channels, 3, side, 2)
        + convolution(2 * channels, 2 * channels, 3, side // 2)
        + convolution(channels, 2 * channels, 1, side // 2)
        + Load(0, 0, 3 * elementwise + 5 * small - 3 * small)
    )


def forward(code: Sequence[int], channels: int, cells: int, side: int, image_channels: int = 3) -> Load:
    """One image through the whole network."""
    load = convolution(image_channels, channels, 3, side)
    for stage in range(3):
        c, s = channels * 2**stage, side // 2**stage
        load += cell(code, c, s).times(cells)
        if stage < 2:
            load += reduction(c, s)
    return load + Load(0, 0, 4 * FLOAT * 4 * channels * (side // 4) ** 2)


def training_step(code: Sequence[int], channels: int, cells: int, side: int, batch: int) -> Load:
    """One batch forward and backward; the optimiser's traffic is left out, the weights being few."""
    return forward(code, channels, cells, side).times(batch * (1 + BACKWARD))
