"""Batch normalisation and pooling against PyTorch's native kernels, and against loops."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from nasbench_harness.supernet import operations
from nasbench_harness.supernet.operations import EPSILON, avg_pool_3x3, batch_norm

CHANNELS = (4, 5, 8, 16, 20)
SIZES = ((6, 8, 8), (3, 5, 7), (2, 16, 16), (9, 2, 3), (5, 1, 1))  # images, height, width
Operation = Callable[[Tensor], Tensor]


def native_norm(x_NCHW: Tensor) -> Tensor:
    return F.batch_norm(x_NCHW, None, None, training=True, eps=EPSILON)


def native_pool(x_NCHW: Tensor) -> Tensor:
    return F.avg_pool2d(x_NCHW, 3, 1, 1, count_include_pad=False)


PAIRS = [pytest.param(batch_norm, native_norm, id="norm"), pytest.param(avg_pool_3x3, native_pool, id="pool")]


def noise(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    """Standard normal numbers, the same ones in every precision."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def value_and_gradient(operation: Operation, x_NCHW: Tensor) -> tuple[Tensor, Tensor]:
    """Output, and gradient of a fixed random combination of the outputs."""
    x = x_NCHW.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    y = operation(x)
    (y * noise(*y.shape, seed=1, dtype=y.dtype)).sum().backward()
    assert x.grad is not None
    return y.detach(), x.grad


@pytest.mark.parametrize("memory", [torch.channels_last, torch.contiguous_format], ids=["channels-last", "contiguous"])
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize(("operation", "native"), PAIRS)
def test_agrees_with_the_native_kernel(
    operation: Operation, native: Operation, channels: int, size: tuple[int, int, int], memory: torch.memory_format
) -> None:
    n, h, w = size
    # channels of different mean and spread, so that one taken for another shows
    spread = torch.linspace(0.5, 3, channels).view(1, -1, 1, 1)
    x_NCHW = (noise(n, channels, h, w) * spread + spread.flip(1)).contiguous(memory_format=memory)
    found, expected = value_and_gradient(operation, x_NCHW), value_and_gradient(native, x_NCHW)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 5), st.sampled_from((1, *CHANNELS)), st.integers(1, 9), st.integers(1, 9), st.integers(0, 99))
def test_agrees_with_the_native_kernel_in_double_precision(n: int, c: int, h: int, w: int, seed: int) -> None:
    x_NCHW = noise(n, c, h, w, seed=seed, dtype=torch.float64)
    for operation, native in ((batch_norm, native_norm), (avg_pool_3x3, native_pool)):
        found, expected = value_and_gradient(operation, x_NCHW), value_and_gradient(native, x_NCHW)
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("channels", CHANNELS)
def test_a_large_mean_does_not_drown_a_small_variance(channels: int) -> None:
    """Mean 1,000 and deviation 0.1: the mean of squares minus the square of the mean has no correct digit left."""
    x_NCHW = noise(8, channels, 8, 8) * 0.1 + 1000
    exact, exact_gradient = value_and_gradient(native_norm, x_NCHW.double())
    found, gradient = value_and_gradient(batch_norm, x_NCHW)
    torch.testing.assert_close(found.double(), exact, rtol=1e-2, atol=1e-2)
    torch.testing.assert_close(gradient.double(), exact_gradient, rtol=1e-2, atol=1e-2 * float(exact_gradient.std()))


@pytest.mark.parametrize("channels", CHANNELS)
def test_every_channel_gets_mean_zero_and_variance_one(channels: int) -> None:
    y_NCHW = batch_norm(noise(8, channels, 8, 8) * 5 + 3)
    np.testing.assert_allclose(y_NCHW.mean((0, 2, 3)), 0, atol=1e-6)
    np.testing.assert_allclose(y_NCHW.var((0, 2, 3), unbiased=False), 1, atol=1e-4)


@pytest.mark.parametrize("channels", CHANNELS)
def test_a_constant_channel_is_zero_and_not_nan(channels: int) -> None:
    found, gradient = value_and_gradient(batch_norm, torch.full((4, channels, 3, 3), 7.0))
    np.testing.assert_allclose(found, 0, atol=1e-3)
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("channels", CHANNELS)
def test_pooling_averages_the_pixels_inside_the_image(channels: int) -> None:
    x_NCHW = noise(2, channels, 9, 8)
    expected = np.empty(x_NCHW.shape)
    for row in range(9):
        for column in range(8):
            window = x_NCHW[:, :, max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
            expected[:, :, row, column] = window.double().mean((2, 3))
    np.testing.assert_allclose(avg_pool_3x3(x_NCHW), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("operation", [batch_norm, avg_pool_3x3])
def test_the_input_is_left_as_it_was_and_memory_stays_channels_last(operation: Operation, channels: int) -> None:
    x_NCHW = noise(3, channels, 8, 8).contiguous(memory_format=torch.channels_last)
    before = x_NCHW.clone()
    y_NCHW = operation(x_NCHW)
    assert torch.equal(x_NCHW, before)
    assert y_NCHW.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("channels", CHANNELS)
def test_pooling_first_met_while_scoring_can_be_trained_through_later(channels: int) -> None:
    operations._pooling_constants.cache_clear()
    x_NCHW = noise(2, channels, 8, 8)
    with torch.inference_mode():
        avg_pool_3x3(x_NCHW)
    torch.testing.assert_close(
        value_and_gradient(avg_pool_3x3, x_NCHW), value_and_gradient(native_pool, x_NCHW), rtol=1e-4, atol=1e-5
    )
