"""Forward and backward passes on the native kernels: activations with images side by side, and the way back.

A pass is a tape of activations. Each keeps what its gradient needs: outputs of convolutions before normalisation (one
scale and shift away from what they are added up to), and rectified inputs with the border that convolutions read.
Normalisation, sums and ReLU are one sweep over memory on the way there, and two on the way back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from nasbench_harness.native import Kernels
from nasbench_harness.native.kernels import ADD, GATHER, WRITE
from nasbench_harness.space import CONV_1X1, CONV_3X3, EDGES, NONE, POOL, SKIP
from nasbench_harness.supernet.layers import Code
from nasbench_harness.supernet.operations import EPSILON

MOST_TERMS = 3
"""Activations that a kernel adds up at once: as many as edges end in a node."""


class Origin(Protocol):
    """How an activation came about."""

    def backward(self, run: BlockedPass, gradient: Tensor) -> None:
        """Hand the activation's gradient on to what it was made from."""


@dataclass(eq=False)
class Activation:
    """A node of the tape; tensors as ``Kernels`` has them. ``relu`` is padded and made when it is first asked for."""

    plain: Tensor | None
    relu: Tensor | None = None
    origin: Origin | None = None
    gradients: list[Tensor] = field(default_factory=list)
    behind: Tensor | None = None
    """Gradient of ``relu``, without border, summed over the convolutions that read it."""

    def rectified(self, kernels: Kernels) -> Tensor:
        """The ReLU with a border."""
        if self.relu is None:
            assert self.plain is not None
            self.relu = kernels.add_up([], [self.plain], plain=False, padded=True)[1]
            assert self.relu is not None
        return self.relu

    def gradient(self, kernels: Kernels) -> Tensor | None:
        """The sum of what came back; ``None`` when nothing did."""
        while len(self.gradients) > MOST_TERMS:
            self.gradients[:MOST_TERMS] = [kernels.add_up_backward(self.gradients[:MOST_TERMS], None, None)]
        if self.behind is None and len(self.gradients) < 2:
            return self.gradients[0] if self.gradients else None
        return kernels.add_up_backward(self.gradients, self.behind, self.relu if self.behind is not None else None)


@dataclass(eq=False)
class Convolved:
    """Output of a convolution whose normalisation is still to be applied; ``stride`` is that of the convolution."""

    source: Activation
    weight: Tensor
    stride: int
    raw: Tensor
    mean: Tensor
    scale: Tensor

    def backward(self, run: BlockedPass, gradient: Tensor) -> None:
        """Gradients of the weight and, where it has an origin, of the source."""
        kernels, images, source = run.kernels, run.images, self.source
        back = kernels.normalise_backward(gradient, self.raw, self.mean, self.scale, images)
        run.found[id(self.weight)] = kernels.weight_gradient(
            self.weight, source.rectified(kernels), back, stride=self.stride
        )
        if source.origin is None:
            return
        if self.stride > 1:
            back = kernels.normalise_backward(gradient, self.raw, self.mean, self.scale, images, spacing=self.stride)
        mode = WRITE if source.behind is None else ADD
        tile = kernels.tile_of(self.weight, back.shape[2] - 2, back.shape[3] - 2)
        transposed = kernels.pack(self.weight, transposed=True, tile=tile)
        source.behind = kernels.convolve(back, transposed, mode=mode, out=source.behind)


@dataclass(frozen=True, eq=False)
class Total:
    """A sum of normalised convolutions and of activations as they are."""

    convolved: Sequence[Convolved]
    plains: Sequence[Activation]

    def backward(self, run: BlockedPass, gradient: Tensor) -> None:
        """All terms get the same gradient."""
        for output in self.convolved:
            output.backward(run, gradient)
        for term in self.plains:
            term.gradients.append(gradient)


@dataclass(frozen=True, eq=False)
class Pooled:
    """3 x 3 average pooling."""

    source: Activation

    def backward(self, run: BlockedPass, gradient: Tensor) -> None:
        """Spread over the windows."""
        self.source.gradients.append(run.kernels.pool(gradient, transposed=True))


@dataclass(frozen=True, eq=False)
class Shortcut:
    """2 x 2 average pooling, then a 1 x 1 convolution that is not normalised."""

    source: Activation
    weight: Tensor
    halved: Tensor

    def backward(self, run: BlockedPass, gradient: Tensor) -> None:
        """Gradients of the weight and of the source."""
        kernels = run.kernels
        run.found[id(self.weight)] = kernels.weight_gradient(self.weight, self.halved, gradient, padded=False)
        spread = kernels.convolve(gradient, kernels.pack(self.weight, transposed=True), padded=False)
        self.source.gradients.append(kernels.halve(spread, transposed=True))


class BlockedPass:
    """One forward pass of ``images`` images; with ``keep`` the tape is kept for ``backward``."""

    def __init__(self, kernels: Kernels, images: int, keep: bool) -> None:
        self.kernels, self.images, self.keep = kernels, images, keep
        self.tape: list[Activation] = []
        self.found: dict[int, Tensor] = {}

    def _noted(self, activation: Activation) -> Activation:
        if self.keep:
            self.tape.append(activation)
        return activation

    def stem(self, x_NCHW: Tensor, weight: Tensor) -> Convolved:
        """The images through the first convolution."""
        return self.convolve(Activation(None, self.kernels.lay_out(x_NCHW)), weight)

    def convolve(self, source: Activation, weight: Tensor, stride: int = 1) -> Convolved:
        """ReLU and convolution with zero padding, with the statistics of its output."""
        kernels = self.kernels
        relu = source.rectified(kernels)
        statistics = kernels.new_statistics(relu, weight.shape[0])
        tile = kernels.tile_of(weight, relu.shape[2] - 2, relu.shape[3] - 2, stride)
        raw = kernels.convolve(relu, kernels.pack(weight, tile=tile), stride=stride, mode=GATHER, statistics=statistics)
        mean, scale = kernels.finalise(statistics, raw.shape[2] * raw.shape[3], self.images, EPSILON)
        return Convolved(source, weight, stride, raw, mean, scale)

    def pool(self, source: Activation) -> Activation:
        """3 x 3 average pooling."""
        assert source.plain is not None
        origin = Pooled(source) if self.keep else None
        return self._noted(Activation(self.kernels.pool(source.plain), origin=origin))

    def add_up(
        self, convolved: Sequence[Convolved], plains: Sequence[Activation], plain: bool = True, relu: bool = False
    ) -> Activation:
        """The sum of at most three terms; ``plain``, ``relu``: which of its forms will be read."""
        outputs = [(output.raw, output.mean, output.scale) for output in convolved]
        terms = [term.plain for term in plains if term.plain is not None]
        assert len(terms) == len(plains)
        made = self.kernels.add_up(outputs, terms, plain or not relu, relu)
        return self._noted(Activation(*made, origin=Total(convolved, plains) if self.keep else None))

    def reduce(
        self, source: Activation, conv_a: Tensor, conv_b: Tensor, shortcut: Tensor, plain: bool, relu: bool
    ) -> Activation:
        """The residual block that halves the image and doubles the channels."""
        assert source.plain is not None
        halved = self.kernels.halve(source.plain)
        short = self._noted(
            Activation(
                self.kernels.convolve(halved, self.kernels.pack(shortcut), padded=False),
                origin=Shortcut(source, shortcut, halved) if self.keep else None,
            )
        )
        inner = self.add_up([self.convolve(source, conv_a, stride=2)], [], plain=False, relu=True)
        return self.add_up([self.convolve(inner, conv_b)], [short], plain, relu)

    def operation(
        self, source: Activation, op: int, edge: int, conv_1x1: Sequence[Tensor], conv_3x3: Sequence[Tensor]
    ) -> Convolved | Activation:
        """Output of operation ``op`` (not ``none``) on ``edge``."""
        if op == SKIP:
            return source
        if op == POOL:
            return self.pool(source)
        return self.convolve(source, (conv_1x1 if op == CONV_1X1 else conv_3x3)[edge])

    def node(self, outputs: Sequence[Convolved | Activation], plain: bool, relu: bool) -> Activation:
        """The sum of the edges into a node; a single activation is that node."""
        convolved = [output for output in outputs if isinstance(output, Convolved)]
        plains = [output for output in outputs if isinstance(output, Activation)]
        if not convolved and len(plains) == 1:
            return plains[0]
        return self.add_up(convolved, plains, plain, relu)

    def cell(
        self,
        source: Activation,
        code: Code,
        conv_1x1: Sequence[Tensor],
        conv_3x3: Sequence[Tensor],
        plain: bool,
        relu: bool,
    ) -> Activation | None:
        """A cell whose dead edges are ``none``, or ``None`` without a path; the flags say how its output is read."""
        nodes: list[Activation | None] = [source, None, None, None]
        for node in (1, 2, 3):
            outputs = []
            for edge, (start, end) in enumerate(EDGES):
                x, op = nodes[start], code[edge]
                if end == node and op != NONE and x is not None:
                    outputs.append(self.operation(x, op, edge, conv_1x1, conv_3x3))
            if outputs:
                reads = (plain, relu) if node == 3 else reads_of(code, node)
                nodes[node] = self.node(outputs, *reads)
        return nodes[3]

    def backward(self, output: Activation, gradient: Tensor) -> dict[int, Tensor]:
        """Gradients of the weights by ``id``, from that of the output; weights that nothing came back to are left out.

        The tape stays, so that the way back can be gone again.
        """
        self.found = {}
        output.gradients.append(gradient)
        for activation in reversed(self.tape):
            total = activation.gradient(self.kernels)
            activation.gradients, activation.behind = [], None
            if total is not None and activation.origin is not None:
                activation.origin.backward(self, total)
        return self.found


def reads_of(code: Code, node: int) -> tuple[bool, bool]:
    """Whether operations read ``node`` of a cell as it is (skip, pooling) and rectified (convolutions)."""
    ops = {code[edge] for edge, (start, _) in enumerate(EDGES) if start == node}
    return bool(ops & {SKIP, POOL}), bool(ops & {CONV_1X1, CONV_3X3})


def images_of(x: Tensor, images: int) -> Tensor:
    """An activation without border as ``[images, channels, height, width]``."""
    blocks, channels, height, width, lanes = x.shape
    return x.permute(0, 4, 1, 2, 3).reshape(blocks * lanes, channels, height, width)[:images]


def without_path(source: Activation) -> Activation:
    """What a cell without a path makes of ``source``: nothing, and no gradient goes back."""
    if source.plain is not None:
        return Activation(torch.zeros_like(source.plain))
    assert source.relu is not None
    return Activation(torch.zeros_like(source.relu[:, :, 1:-1, 1:-1], memory_format=torch.contiguous_format))
