"""Tensors on their way to a device, without the host waiting for them."""

from __future__ import annotations

import torch
from torch import Tensor


def placed(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor of the processor on ``device``; the same tensor where it is there already.

    A plain copy to a CUDA device makes the host wait until all that the device was given before is done. From pinned
    memory it does not; the allocator of pinned memory keeps that until the copy is over.
    """
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
