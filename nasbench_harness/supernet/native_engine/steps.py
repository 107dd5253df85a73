"""What the call that does many training steps has to know of a supernet."""

from __future__ import annotations

import torch
from torch import Tensor

from nasbench_harness.native import Kernels
from nasbench_harness.native.structures import Layout
from nasbench_harness.space import N_EDGES, N_STAGES
from nasbench_harness.supernet.native_engine.autograd import kernels_for_shape
from nasbench_harness.supernet.network import Supernet


def steps_kernels(network: Supernet, images: int, side: int) -> Kernels | None:
    """The kernels for steps on so many images, or ``None`` where those steps run one by one."""
    weights = list(network.parameters())
    if any(weight.device.type != "cpu" or not weight.requires_grad or not _in_order(weight) for weight in weights):
        return None
    return kernels_for_shape(network, images, network.shape.image_channels, side, side)


def _in_order(weight: Tensor) -> bool:
    return weight.is_contiguous(memory_format=_order_of(weight))


def in_order(weight: Tensor) -> Tensor:
    """The weight as the calls want it, convolutions in channels-last memory; itself where it is so."""
    return weight.contiguous(memory_format=_order_of(weight))


def _order_of(weight: Tensor) -> torch.memory_format:
    return torch.channels_last if weight.dim() == 4 else torch.contiguous_format


def layout_of(network: Supernet, side: int) -> Layout:
    """Of the weights as ``network.parameters()`` has them, for images with sides of ``side`` pixels."""
    shape = network.shape
    copies, of_a_copy = shape.copies or (1,) * shape.cell_count, 2 * N_EDGES
    starts = [1 + of_a_copy * sum(copies[:position]) for position in range(shape.cell_count)]
    reductions = 1 + of_a_copy * sum(copies)
    assert reductions + 3 * (N_STAGES - 1) + 2 == len(list(network.parameters()))
    return Layout(shape.image_channels, side, shape.channels, shape.cells, shape.classes, starts, reductions)
