"""The supernet without gradients, arranged for speed: what scoring runs.

The same mathematics as ``supernet.network.Supernet``. The ReLU of a node is taken once for all convolutions that read
it; batch normalisation is a scale and a shift, applied while the output is added into its node; and the reduction's
shortcut pools by adding halves. Weights are converted to the network's precision once.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from nasbench_harness.space import CONV_1X1, EDGES, NONE, POOL, SKIP
from nasbench_harness.supernet.image_rows import as_image, as_rows, channel_mean, squared_distance
from nasbench_harness.supernet.network import Cell, Code, Reduction, Supernet
from nasbench_harness.supernet.operations import EPSILON, avg_pool_3x3, batch_norm, sum_2x2
from nasbench_harness.supernet.scoring.edge_cache import FirstCell, steps_of

NATIVE_STATISTICS = 32
"""Multiple of channels whose statistics the native kernel takes as fast as matrix products over rows."""


class Affine:
    """An output waiting for its normalisation: ``rows * scale + shift``, of an activation of ``shape``.

    Devices that launch kernels normalise at once by their own, for them ``finalised`` is the result.
    """

    __slots__ = ("finalised", "rows", "scale", "shape", "shift")

    def __init__(self, y_NCHW: Tensor) -> None:
        self.finalised: Tensor | None = None
        self.shape = y_NCHW.shape
        if y_NCHW.device.type != "cpu":
            self.finalised = batch_norm(y_NCHW)
            return
        self.rows = as_rows(y_NCHW)
        width = self.shape[3]
        mean = channel_mean(self.rows, width)
        variance = channel_mean(squared_distance(self.rows, mean), width)
        self.scale = variance.add_(EPSILON).rsqrt_()
        self.shift = mean.mul_(self.scale).neg_()
        if self.rows.dtype != self.scale.dtype:
            self.scale, self.shift = self.scale.to(self.rows.dtype), self.shift.to(self.rows.dtype)

    def normalised(self) -> Tensor:
        """The normalised activation, in the memory of the output."""
        if self.finalised is not None:
            return self.finalised
        return as_image(torch.addcmul(self.shift, self.rows, self.scale, out=self.rows), self.shape)


def add_up(convolved: list[Affine], others: list[Tensor]) -> Tensor | None:
    """Sum of normalised outputs and plain terms; uses up the memory of the first output, leaves plain terms alone."""
    finalised = [output.finalised for output in convolved if output.finalised is not None]
    if finalised:
        convolved, others = [], finalised + others
    if not convolved:
        if len(others) < 2:
            return others[0] if others else None
        total = others[0] + others[1]
        others = others[2:]
    else:
        first = convolved[0]
        shift = first.shift
        for other in convolved[1:]:
            shift = shift + other.shift
        rows = torch.addcmul(shift, first.rows, first.scale, out=first.rows)
        for other in convolved[1:]:
            rows.addcmul_(other.rows, other.scale)
        total = as_image(rows, first.shape)
    for term in others:
        total += term
    return total


class FastCell:
    """One copy of a cell, its weights in the working precision."""

    def __init__(self, cell: Cell, dtype: torch.dtype) -> None:
        self.conv_1x1 = [weight.detach().to(dtype) for weight in cell.conv_1x1]
        self.conv_3x3 = [weight.detach().to(dtype) for weight in cell.conv_3x3]

    def convolve(self, edge: int, op: int, relu_NCHW: Tensor) -> Affine:
        """Convolution on ``edge`` of an input whose ReLU was taken."""
        if op == CONV_1X1:
            return Affine(F.conv2d(relu_NCHW, self.conv_1x1[edge]))
        return Affine(F.conv2d(relu_NCHW, self.conv_3x3[edge], padding=1))

    def normalised(self, op: int, edge: int, relu_NCHW: Tensor) -> Tensor:
        """The same, normalised; each edge has weights of its own."""
        return self.convolve(edge, op, relu_NCHW).normalised()

    def __call__(self, x_NCHW: Tensor, code: Code) -> Tensor:
        """Output of one architecture whose dead edges are ``none``; without a path it is zero."""
        nodes: list[Tensor | None] = [x_NCHW, None, None, None]
        relus: list[Tensor | None] = [None] * 3
        pooled: list[Tensor | None] = [None] * 3
        for node in (1, 2, 3):
            convolved: list[Affine] = []
            others: list[Tensor] = []
            for edge, (source, target) in enumerate(EDGES):
                x, op = nodes[source], code[edge]
                if target != node or op == NONE or x is None:
                    continue
                if op == SKIP:
                    others.append(x)
                elif op == POOL:
                    pool = pooled[source]
                    if pool is None:
                        pool = pooled[source] = avg_pool_3x3(x)
                    others.append(pool)
                else:
                    relu = relus[source]
                    if relu is None:
                        relu = relus[source] = F.relu(x)
                    convolved.append(self.convolve(edge, op, relu))
            nodes[node] = add_up(convolved, others)
        output = nodes[3]
        return torch.zeros_like(x_NCHW) if output is None else output


class FastReduction:
    """A residual block whose weights are in the working precision."""

    def __init__(self, block: Reduction, dtype: torch.dtype) -> None:
        self.conv_a, self.conv_b = block.conv_a.detach().to(dtype), block.conv_b.detach().to(dtype)
        self.shortcut = (block.shortcut.detach() / 4).to(dtype)

    def __call__(self, x_NCHW: Tensor, relu_NCHW: Tensor | None = None) -> Tensor:
        """Output of half the size and twice the channels; ``relu_NCHW`` where the input's ReLU is known."""
        relu = F.relu(x_NCHW) if relu_NCHW is None else relu_NCHW
        a = Affine(F.conv2d(relu, self.conv_a, stride=2, padding=1)).normalised()
        b = Affine(F.conv2d(a.relu_(), self.conv_b, padding=1))
        return add_up([b], [F.conv2d(sum_2x2(x_NCHW), self.shortcut)])  # type: ignore[return-value]


class FastNetwork:
    """All of a supernet behind its first cell, ready for many architectures on the same images."""

    def __init__(self, network: Supernet) -> None:
        self.shape, self.dtype = network.shape, network.activation_dtype
        dtype = self.dtype
        self.stem = network.stem.detach().to(dtype)
        self.cells = [[FastCell(copy, dtype) for copy in copies] for copies in network.copies]
        self.reductions = [FastReduction(block, dtype) for block in network.reductions]  # type: ignore[arg-type]
        self.classifier = network.classifier

    def stem_output(self, x_NCHW: Tensor) -> Tensor:
        """Input of the first cell."""
        return Affine(F.conv2d(x_NCHW.to(self.dtype), self.stem, padding=1)).normalised()

    def after_first_cell(self, x_NCHW: Tensor, code: Code, route: Sequence[int]) -> Tensor:
        """Logits ``[N, classes]`` from the first cell's output, in float32."""
        for position in range(1, self.shape.cell_count):
            stage, cell_in_stage = divmod(position, self.shape.cells)
            if cell_in_stage == 0:
                x_NCHW = self.reductions[stage - 1](x_NCHW)
            x_NCHW = self.cells[position][route[position]](x_NCHW, code)
        n, c, h, w = x_NCHW.shape
        last = Affine(x_NCHW)
        if last.finalised is not None:
            rows = F.relu(last.finalised).permute(0, 2, 3, 1)
        else:
            rows = torch.addcmul(last.shift, last.rows, last.scale).relu_()
        features = rows.reshape(n, h * w, c).sum(1, dtype=self.classifier.weight.dtype).mul_(1.0 / (h * w))
        return self.classifier(features)  # type: ignore[no-any-return]

    def on_batch(self, x_NCHW: Tensor) -> FastBatch:
        """Ready for these images."""
        return FastBatch(self, x_NCHW)


class FastBatch:
    """One batch of images: codes and routes in, logits ``[N, classes]`` out."""

    def __init__(self, network: FastNetwork, x_NCHW: Tensor) -> None:
        self.network = network
        stem = network.stem_output(x_NCHW.contiguous(memory_format=torch.channels_last))
        self.first = [FirstCell(cell.normalised, stem) for cell in network.cells[0]]

    def __call__(self, code: Code, route: Sequence[int]) -> Tensor:
        """Logits of one architecture whose dead edges are ``none``."""
        return self.network.after_first_cell(self.first[route[0]](steps_of(code)), code, route)
