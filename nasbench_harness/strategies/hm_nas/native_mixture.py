"""The mixture on the kernels in C: every edge adds up its four operations, with gradients for weights and mixing.

A convolution that counts ``times`` costs no further sweep over memory: there its scale is multiplied, on the way back
its weights are. Pooling and ReLU are computed once for all edges that leave a node.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nasbench_harness.native import Kernels
from nasbench_harness.native.kernels import ADD, WRITE
from nasbench_harness.space import CONV_1X1, CONV_3X3, EDGES, POOL, SKIP
from nasbench_harness.strategies.hm_nas.edges import MIXED
from nasbench_harness.supernet.layers import Cell
from nasbench_harness.supernet.native_engine.autograd import kernels_for
from nasbench_harness.supernet.native_engine.tape import Activation, BlockedPass, Convolved, images_of
from nasbench_harness.supernet.network import Supernet

_CONVOLUTIONS_AT_ONCE = 2
"""Beside the sum so far: a kernel adds up three terms."""


def mixing_kernels(network: Supernet, x_NCHW: Tensor) -> Kernels | None:
    """The kernels for a mixture of this batch; ``None`` where the operations of torch run it.

    Beside what they need for an architecture, the images have to fill their lanes: sums over a batch, which the
    gradient of mixing is, would count lanes that hold no image.
    """
    found = kernels_for(network, x_NCHW)
    return None if found is None or len(x_NCHW) % found.lanes else found


def mixture_logits(native: Kernels, network: Supernet, x_NCHW: Tensor, weight_EM: Tensor, trained: bool) -> Tensor:
    """Logits ``[N, classes]`` with gradients for ``weight_EM`` ``[6, 4]`` and, where ``trained``, for the weights."""
    weights = [weight if trained else weight.detach() for weight in _weights(network)]
    last: Tensor = _Mixture.apply(native, network, x_NCHW, weight_EM, *weights)  # type: ignore[no-untyped-call]
    return network.head(images_of(last, len(x_NCHW)))


def _weights(network: Supernet) -> list[Tensor]:
    """All weights up to the last cell."""
    found: list[Tensor] = [network.stem]
    for block, cell in network.along(network.first_route):
        found += [] if block is None else [block.conv_a, block.conv_b, block.shortcut]
        found += [*cell.conv_1x1, *cell.conv_3x3]
    return found


@dataclass(frozen=True, eq=False)
class _Mixed:
    """A node: normalised convolutions and activations, each with the (edge, column) that says how often it counts."""

    convolved: Sequence[tuple[Convolved, tuple[int, int]]]
    plains: Sequence[tuple[Activation, tuple[int, int]]]

    def backward(self, run: BlockedPass, gradient: Tensor) -> None:
        """Every term gets its share of the gradient; how often it counts, the product of both."""
        assert isinstance(run, _MixedPass)
        if run.mixing_EM is not None:
            self._mixing(run.mixing_EM, gradient)
        for output, (edge, column) in self.convolved:
            run.back_through(output, run.times[edge][column], gradient)
        for term, (edge, column) in self.plains:
            run.add_gradient(term, run.times[edge][column], gradient)

    def _mixing(self, mixing_EM: Tensor, gradient: Tensor) -> None:
        """Add this node's part of the gradient of mixing: all cells mix alike."""
        sum_C = gradient.sum((0, 2, 3, 4))
        for output, place in self.convolved:
            mixing_EM[place] += torch.dot(output.scale, _products(gradient, output.raw) - output.mean * sum_C)
        for term, place in self.plains:
            assert term.plain is not None
            mixing_EM[place] += torch.dot(gradient.reshape(-1), term.plain.reshape(-1))


class _MixedPass(BlockedPass):
    """A pass through the mixture. ``times`` ``[6][4]``; ``mixing_EM``: their gradient, filled on the way back; None:
    nobody asks for it. ``trained``: whether weights have gradients."""

    def __init__(self, kernels: Kernels, images: int, keep: bool, times: Sequence[Sequence[float]]) -> None:
        super().__init__(kernels, images, keep)
        self.times = times
        self.mixing_EM: Tensor | None = None
        self.trained = True
        self._sums: dict[int, Tensor] = {}

    def mixed_cell(self, source: Activation, cell: Cell, last: bool) -> Activation:
        """A cell; the output of the ``last`` one is read as it is alone."""
        nodes, pooled = [source], list[Activation]()
        into: dict[int, tuple[list[Any], list[Any]]] = {node: ([], []) for node in (1, 2, 3)}
        for node in range(3):
            x = nodes[node]
            pooled.append(self.pool(x))
            for edge, (start, end) in enumerate(EDGES):
                if start != node:
                    continue
                branches = [
                    (self.convolve(x, cell.conv_1x1[edge]), (edge, MIXED.index(CONV_1X1))),
                    (self.convolve(x, cell.conv_3x3[edge]), (edge, MIXED.index(CONV_3X3))),
                ]
                into[end][0].extend(branches)
                into[end][1].extend([(x, (edge, MIXED.index(SKIP))), (pooled[node], (edge, MIXED.index(POOL)))])
            nodes.append(self._mix(*into[node + 1], relu=not (last and node == 2)))
        return nodes[3]

    def _mix(
        self,
        convolved: Sequence[tuple[Convolved, tuple[int, int]]],
        plains: Sequence[tuple[Activation, tuple[int, int]]],
        relu: bool,
    ) -> Activation:
        total: Tensor | None = None
        for term, (edge, column) in plains:
            assert term.plain is not None
            times = self.times[edge][column]
            total = torch.mul(term.plain, times) if total is None else total.add_(term.plain, alpha=times)
        assert total is not None
        rectified: Tensor | None = None
        for start in range(0, len(convolved), _CONVOLUTIONS_AT_ONCE):
            some = convolved[start : start + _CONVOLUTIONS_AT_ONCE]
            outputs = [(one.raw, one.mean, one.scale * self.times[edge][column]) for one, (edge, column) in some]
            ends = start + len(some) == len(convolved)
            made, rectified = self.kernels.add_up(outputs, [total], True, ends and relu)
            assert made is not None
            total = made
        return self._noted(Activation(total, rectified, _Mixed(convolved, plains) if self.keep else None))

    def backward(self, output: Activation, gradient: Tensor) -> dict[int, Tensor]:
        """See ``BlockedPass``."""
        self._sums = {}
        return super().backward(output, gradient)

    def back_through(self, output: Convolved, times: float, gradient: Tensor) -> None:
        """What ``Convolved.backward`` does, for an output that counts ``times``."""
        kernels, source, weight = self.kernels, output.source, output.weight
        back = kernels.normalise_backward(gradient, output.raw, output.mean, output.scale, self.images)
        if self.trained:
            self.found[id(weight)] = kernels.weight_gradient(weight, source.rectified(kernels), back).mul_(times)
        tile = kernels.tile_of(weight, back.shape[2] - 2, back.shape[3] - 2)
        transposed = kernels.pack(weight.detach() * times, transposed=True, tile=tile)
        mode = WRITE if source.behind is None else ADD
        source.behind = kernels.convolve(back, transposed, mode=mode, out=source.behind)

    def add_gradient(self, term: Activation, times: float, gradient: Tensor) -> None:
        """Add to what came back to ``term``, in a tensor that nobody else holds."""
        own = self._sums.get(id(term))
        if own is None:
            own = self._sums[id(term)] = torch.mul(gradient, times)
            term.gradients.append(own)
        else:
            own.add_(gradient, alpha=times)


def _products(one: Tensor, other: Tensor) -> Tensor:
    """Sums over images and pixels of the products of two activations, ``[channels]``."""
    sum_C: Tensor = torch.linalg.vecdot(one.flatten(2), other.flatten(2)).sum(0)
    return sum_C


class _Mixture(torch.autograd.Function):
    """Output ``[blocks, channels, height, width, lanes]`` of the last cell."""

    @staticmethod
    def forward(
        ctx: Any, native: Kernels, network: Supernet, x_NCHW: Tensor, weight_EM: Tensor, *weights: Tensor
    ) -> Tensor:
        run = _MixedPass(native, len(x_NCHW), any(ctx.needs_input_grad), weight_EM.tolist())
        x = run.add_up([run.stem(x_NCHW, network.stem)], [], True, True)
        count = network.shape.cell_count
        for position, (block, cell) in enumerate(network.along(network.first_route)):
            if block is not None:
                x = run.reduce(x, block.conv_a, block.conv_b, block.shortcut, True, True)
            x = run.mixed_cell(x, cell, position + 1 == count)
        ctx.save_for_backward(*weights)  # only so that autograd notices when they change before the way back
        ctx.run, ctx.output, ctx.like = run, x, weight_EM
        ctx.places = [id(weight) for weight in _weights(network)]
        assert x.plain is not None
        return x.plain.detach()  # another object: the tape must not hold the tensor that holds the tape

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        _ = ctx.saved_tensors  # raises where they have changed
        run: _MixedPass = ctx.run
        run.mixing_EM = torch.zeros_like(ctx.like) if ctx.needs_input_grad[3] else None
        run.trained = any(ctx.needs_input_grad[4:])
        found = run.backward(ctx.output, gradients[0].contiguous())
        return (None, None, None, run.mixing_EM, *(found.get(place) if run.trained else None for place in ctx.places))
