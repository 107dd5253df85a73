"""The supernet on native kernels, as one function of autograd."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from nasbench_harness.native import Kernels, kernels
from nasbench_harness.space import CONV_1X1, CONV_3X3, N_STAGES
from nasbench_harness.supernet.layers import Code, Layered
from nasbench_harness.supernet.native_engine.tape import (
    Activation,
    BlockedPass,
    images_of,
    reads_of,
    without_path,
)
from nasbench_harness.supernet.operations import normalises_by_batch

FULL_ENOUGH = 0.75
"""Share of the lanes that must hold an image: a batch of 9 would fill little more than half of two blocks of 8."""


def kernels_for(network: Layered, x_NCHW: Tensor) -> Kernels | None:
    """The kernels that run this batch, or ``None`` where the operations of torch do: elsewhere than on a processor, in
    bfloat16, with other normalisation than by the batch, for few images and for sides that halve to odd numbers."""
    if x_NCHW.device.type != "cpu" or x_NCHW.dtype != network.activation_dtype or x_NCHW.requires_grad:
        return None
    return kernels_for_shape(network, *x_NCHW.shape)


def kernels_for_shape(network: Layered, images: int, _channels: int, height: int, width: int) -> Kernels | None:
    """The same for a batch of this shape on a processor."""
    if network.activation_dtype not in (torch.float32, torch.float64) or not normalises_by_batch():
        return None
    if height % 2 ** (N_STAGES - 1) or width % 2 ** (N_STAGES - 1):
        return None
    found = kernels(network.activation_dtype)
    if found is None or images < FULL_ENOUGH * -(-images // found.lanes) * found.lanes:
        return None
    return found


def run(forward: BlockedPass, stem: Activation, network: Layered, code: Code, route: Sequence[int]) -> Activation:
    """From the output of the stem to that of the last cell."""
    x = stem
    for position, (block, cell) in enumerate(network.along(route)):
        if block is not None:
            x = forward.reduce(x, block.conv_a, block.conv_b, block.shortcut, *reads_of(code, 0))
        reads = output_reads(network, position, code)
        made = forward.cell(x, code, list(cell.conv_1x1), list(cell.conv_3x3), *reads)
        x = without_path(x) if made is None else made
    return x


def output_reads(network: Layered, position: int, code: Code) -> tuple[bool, bool]:
    """How the output of the cell at ``position`` is read: as it is, rectified."""
    following = position + 1
    if following == network.shape.cell_count:
        return True, False
    return (True, True) if following % network.shape.cells == 0 else reads_of(code, 0)


def used_weights(network: Layered, code: Code, route: Sequence[int]) -> list[Tensor]:
    """All weights up to the last cell that an architecture trains."""
    weights: list[Tensor] = [network.stem]
    for _, cell in network.along(route):
        weights += [cell.conv_1x1[edge] for edge, op in enumerate(code) if op == CONV_1X1]
        weights += [cell.conv_3x3[edge] for edge, op in enumerate(code) if op == CONV_3X3]
    for block in network.reductions:
        weights += [block.conv_a, block.conv_b, block.shortcut]  # type: ignore[list-item]
    return weights


class _UpToLastCell(torch.autograd.Function):
    """Output ``[blocks, channels, height, width, lanes]`` of the last cell; differentiable in the weights alone."""

    @staticmethod
    def forward(
        ctx: Any,
        native: Kernels,
        network: Layered,
        x_NCHW: Tensor,
        code: Code,
        route: Sequence[int],
        *weights: Tensor,
    ) -> Tensor:
        forward = BlockedPass(native, len(x_NCHW), keep=any(ctx.needs_input_grad))
        stem = forward.add_up([forward.stem(x_NCHW, network.stem)], [], *reads_of(code, 0))
        output = run(forward, stem, network, code, route)
        ctx.save_for_backward(*weights)  # only so that autograd notices when they change before the way back
        ctx.run, ctx.output = forward, output
        assert output.plain is not None
        return output.plain.detach()  # another object: the tape must not hold the tensor that holds the tape

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        weights = ctx.saved_tensors
        found = ctx.run.backward(ctx.output, gradients[0].contiguous())
        return (None,) * 5 + tuple(found.get(id(weight)) for weight in weights)


def logits_of(native: Kernels, network: Layered, x_NCHW: Tensor, code: Code, route: Sequence[int]) -> Tensor:
    """Logits ``[N, classes]`` of one architecture, with gradients for the weights."""
    weights = used_weights(network, code, route)
    last: Tensor = _UpToLastCell.apply(native, network, x_NCHW, code, route, *weights)  # type: ignore[no-untyped-call]
    return network.head(images_of(last, len(x_NCHW)))
