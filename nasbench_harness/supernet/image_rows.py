"""Channels-last activations as image rows ``[N * H, W * C]``, and statistics of their channels.

Elementwise kernels and matrix products vectorise over the inner dimension. Of a channels-last image that is the
channels, few here; a whole image row, by contrast, is long whatever the width of the network.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor


def as_rows(x_NCHW: Tensor) -> Tensor:
    """The activations as ``[N * H, W * C]``, without a copy when they are channels-last."""
    n, c, h, w = x_NCHW.shape
    return x_NCHW.permute(0, 2, 3, 1).reshape(n * h, w * c)


def as_image(rows: Tensor, shape: torch.Size) -> Tensor:
    """Rows seen as channels-last activations of ``shape`` (N, C, H, W)."""
    n, c, h, w = shape
    return rows.view(n, h, w, c).permute(0, 3, 1, 2)


@cache
def _averaging(rows: int, pixels: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    # Scoring may be the first to ask; tensors made in its inference mode could not be trained through later.
    with torch.inference_mode(False):
        return torch.full((1, rows), 1.0 / pixels, dtype=dtype, device=device)


@cache
def _folding(channels: int, width: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    with torch.inference_mode(False):
        return torch.eye(channels, dtype=dtype, device=device).repeat(width, width)


def channel_mean(rows: Tensor, width: int) -> Tensor:
    """Mean over pixels of each channel, repeated along an image row: ``[1, W * C]``, in float32 or better.

    Two matrix products: one sums over rows, one adds the pixels of a row and repeats the result for each of them.
    """
    count, length = rows.shape
    if rows.dtype == torch.bfloat16:
        sums = rows.sum(0, dtype=torch.float32).mul_(1.0 / (count * width)).unsqueeze(0)
    else:
        sums = torch.mm(_averaging(count, count * width, rows.dtype, rows.device), rows)
    return torch.mm(sums, _folding(length // width, width, sums.dtype, sums.device))


def squared_distance(rows: Tensor, mean: Tensor) -> Tensor:
    """``(rows - mean) ** 2`` in one pass."""
    distance: Tensor = torch.ops.aten.mse_loss(rows, mean.to(rows.dtype).expand_as(rows), 0)
    return distance
