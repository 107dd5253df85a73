"""The arithmetic of the NAS-Bench-201 operations, on activations ``x_NCHW`` in channels-last memory.

The native CPU kernels of batch normalisation and average pooling fall back to scalar loops when the number of channels
is not a multiple of the vector width (8 channels, 64 x 16 x 16, one core, forward and backward: 0.28 ms against 0.17
here; 5 channels, 64 x 32 x 32: 2.7 against 0.34). Both are therefore restated in forms that vectorise whatever the
width. The results agree with the native ones to rounding; ``tests/supernet/test_operations.py`` holds them to it.
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

from nasbench_harness.supernet.image_rows import as_image, as_rows, channel_mean, squared_distance

EPSILON = 1e-5
VECTOR_WIDTH = 16
"""Channels that native channels-last CPU kernels process at once (float32, 512-bit vectors)."""

POOLING_BY_CONVOLUTION = 4096
"""Pixels of a batch from which a depthwise convolution pools faster than the native kernel at any width."""


class _RowBatchNorm(torch.autograd.Function):
    """Batch normalisation by batch statistics, two passes (no cancellation), each vectorised over an image row."""

    @staticmethod
    def forward(ctx: Any, x_NCHW: Tensor) -> Tensor:
        rows, width = as_rows(x_NCHW), x_NCHW.shape[3]
        mean = channel_mean(rows, width)
        scale = channel_mean(squared_distance(rows, mean), width).add_(EPSILON).rsqrt_()
        normal = rows.sub(mean).mul_(scale) if rows.dtype == mean.dtype else ((rows - mean) * scale).to(rows.dtype)
        ctx.save_for_backward(normal, scale)
        ctx.shape = x_NCHW.shape
        return as_image(normal, x_NCHW.shape)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        normal, scale = ctx.saved_tensors
        gradient, width = as_rows(gradients[0]), ctx.shape[3]
        along = channel_mean(gradient * normal, width).mul_(scale).neg_().to(normal.dtype)
        shift = channel_mean(gradient, width).mul_(scale).neg_().to(normal.dtype)
        result = torch.addcmul(shift, gradient, scale.to(normal.dtype)).addcmul_(normal, along)
        return as_image(result, ctx.shape)


EXACT_PIXELS = 16_384
"""Pixels of a batch from which the native batch norm on a processor is not used in float32: it adds them up one by one,
and at 65,536 its outputs are off by 3e-5 of their size where those of image rows are by 7e-7 (docs/performance.md)."""


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


def normalises_by_batch() -> bool:
    """Whether ``batch_norm`` is what it is by default, by the statistics of the batch at hand."""
    return _normaliser.get() is None


def batch_norm(x_NCHW: Tensor) -> Tensor:
    """Normalise every channel by the mean and variance of this batch; no affine part, no running statistics.

    Statistics are taken in float32 or better, also of bfloat16 activations.
    """
    normaliser = _normaliser.get()
    if normaliser is not None:
        return normaliser(x_NCHW)
    many = x_NCHW.device.type == "cpu" and x_NCHW.numel() >= EXACT_PIXELS * x_NCHW.shape[1]
    if _native_is_fast(x_NCHW) and not many:
        return F.batch_norm(x_NCHW, None, None, training=True, eps=EPSILON)
    result: Tensor = _RowBatchNorm.apply(x_NCHW)  # type: ignore[no-untyped-call]
    return result


@cache
def _pooling_constants(channels: int, height: int, width: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Kernel of a depthwise 3 x 3 sum, and one over the number of pixels that each window really covers."""
    # Scoring may be the first to ask; tensors made in its inference mode could not be trained through later.
    with torch.inference_mode(False):
        ones_11HW = torch.ones(1, 1, height, width, dtype=torch.float64)
        kernel = torch.ones(channels, 1, 3, 3, dtype=dtype)
        inverse_count = 1.0 / F.conv2d(ones_11HW, torch.ones(1, 1, 3, 3, dtype=torch.float64), padding=1)
        # one number for each channel as well: multiplying by one number for each pixel does not vectorise
        inverse_1CHW = inverse_count.to(dtype).expand(1, channels, -1, -1)
        return kernel, inverse_1CHW.contiguous(memory_format=torch.channels_last)


def avg_pool_3x3(x_NCHW: Tensor) -> Tensor:
    """Average over 3 x 3 windows, stride 1; pixels outside the image do not count (as the benchmark's)."""
    n, c, h, w = x_NCHW.shape
    if x_NCHW.device.type != "cpu" or (_native_is_fast(x_NCHW) and n * h * w < POOLING_BY_CONVOLUTION):
        return F.avg_pool2d(x_NCHW, 3, 1, 1, count_include_pad=False)
    kernel, inverse_count = _pooling_constants(c, h, w, x_NCHW.dtype)
    return F.conv2d(x_NCHW, kernel, padding=1, groups=c) * inverse_count


def avg_pool_2x2(x_NCHW: Tensor) -> Tensor:
    """Average over 2 x 2 windows, stride 2; an odd last row or column is left out."""
    if _native_is_fast(x_NCHW):
        return F.avg_pool2d(x_NCHW, 2)
    return sum_2x2(x_NCHW) * 0.25


def sum_2x2(x_NCHW: Tensor) -> Tensor:
    """Sums over 2 x 2 windows, stride 2; an odd last row or column is left out."""
    n, c, h, w = x_NCHW.shape
    x_NHWC = x_NCHW[:, :, : h // 2 * 2, : w // 2 * 2].permute(0, 2, 3, 1)
    pairs = x_NHWC.reshape(n, h // 2, 2, w // 2, 2 * c)
    rows = pairs[:, :, 0] + pairs[:, :, 1]
    return (rows[..., :c] + rows[..., c:]).permute(0, 3, 1, 2)
