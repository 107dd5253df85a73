"""The arithmetic of the NAS-Bench-201 operations, on activations ``x_NCHW`` in channels-last memory.

The native CPU kernels of batch normalisation and average pooling fall back to scalar loops when the number of channels
is not a multiple of the vector width (8 channels, 512 x 16 x 16, two cores: 2.0 and 2.4 ms against 0.3 and 0.6 here).
Both are therefore restated in forms that vectorise whatever the width. The results agree with the native ones to
rounding; ``tests/supernet/test_operations.py`` holds them to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

EPSILON = 1e-5
VECTOR_WIDTH = 16
"""Channels that native channels-last CPU kernels process at once (float32, 512-bit vectors)."""

POOLING_BY_CONVOLUTION = 64
"""Pixels from which a depthwise convolution pools faster than the native kernel at any width (twice at 8 x 8)."""


def _rows(x_NCHW: Tensor) -> Tensor:
    """The activations as ``[N * H, W * C]`` without a copy when they are channels-last."""
    n, c, h, w = x_NCHW.shape
    return x_NCHW.permute(0, 2, 3, 1).reshape(n * h, w * c)


def _image(rows: Tensor, shape: torch.Size) -> Tensor:
    n, c, h, w = shape
    return rows.view(n, h, w, c).permute(0, 3, 1, 2)


def _channel_mean(rows: Tensor, width: int) -> Tensor:
    """Mean over pixels per channel, repeated along an image row; the sum over rows is one matrix product."""
    weights = rows.new_full((1, rows.shape[0]), 1.0 / (rows.shape[0] * width))
    return (weights @ rows).view(width, -1).sum(0).repeat(width)


class _RowBatchNorm(torch.autograd.Function):
    """Batch normalisation by batch statistics, two passes (no cancellation), each vectorised over an image row."""

    @staticmethod
    def forward(ctx: Any, x_NCHW: Tensor) -> Tensor:
        rows, width = _rows(x_NCHW), x_NCHW.shape[3]
        centred = rows - _channel_mean(rows, width)
        scale = torch.rsqrt(_channel_mean(centred * centred, width) + EPSILON)
        normal = centred.mul_(scale)
        ctx.save_for_backward(normal, scale)
        ctx.shape = x_NCHW.shape
        return _image(normal, x_NCHW.shape)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        normal, scale = ctx.saved_tensors
        gradient, width = _rows(gradients[0]), ctx.shape[3]
        along = _channel_mean(gradient * normal, width)
        result = torch.addcmul(gradient - _channel_mean(gradient, width), normal, along, value=-1.0).mul_(scale)
        return _image(result, ctx.shape)


def _native_is_fast(x_NCHW: Tensor) -> bool:
    return x_NCHW.device.type != "cpu" or x_NCHW.shape[1] % VECTOR_WIDTH == 0


_normaliser: ContextVar[Callable[[Tensor], Tensor] | None] = ContextVar("normaliser", default=None)


@contextmanager
def normalising_by(normaliser: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Inside, every ``batch_norm`` is done by ``normaliser``, in the order of the forward pass (recalibration)."""
    token = _normaliser.set(normaliser)
    try:
        yield
    finally:
        _normaliser.reset(token)


def batch_norm(x_NCHW: Tensor) -> Tensor:
    """Normalise every channel by the mean and variance of this batch; no affine part, no running statistics."""
    normaliser = _normaliser.get()
    if normaliser is not None:
        return normaliser(x_NCHW)
    if _native_is_fast(x_NCHW):
        return F.batch_norm(x_NCHW, None, None, training=True, eps=EPSILON)
    result: Tensor = _RowBatchNorm.apply(x_NCHW)  # type: ignore[no-untyped-call]
    return result


@cache
def _pooling_constants(channels: int, height: int, width: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Kernel of a depthwise 3 x 3 sum, and one over the number of pixels that each window really covers."""
    # Scoring may be the first to ask; tensors made in its inference mode could not be trained through later.
    with torch.inference_mode(False):
        ones_11HW = torch.ones(1, 1, height, width, dtype=dtype)
        kernel = torch.ones(channels, 1, 3, 3, dtype=dtype)
        return kernel, 1.0 / F.conv2d(ones_11HW, kernel[:1], padding=1)


def avg_pool_3x3(x_NCHW: Tensor) -> Tensor:
    """Average over 3 x 3 windows, stride 1; pixels outside the image do not count (methods 0.1 [C])."""
    _, c, h, w = x_NCHW.shape
    if x_NCHW.device.type != "cpu" or (_native_is_fast(x_NCHW) and h * w < POOLING_BY_CONVOLUTION):
        return F.avg_pool2d(x_NCHW, 3, 1, 1, count_include_pad=False)
    kernel, inverse_count = _pooling_constants(c, h, w, x_NCHW.dtype)
    return F.conv2d(x_NCHW, kernel, padding=1, groups=c) * inverse_count
