"""Channel statistics over image rows against means by the definition."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nasbench_harness.supernet import image_rows as rows
from nasbench_harness.supernet.image_rows import as_image, as_rows, channel_mean, squared_distance


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 4), st.integers(1, 20), st.integers(1, 6), st.integers(1, 6), st.booleans())
def test_means_and_the_way_back(n: int, c: int, h: int, w: int, channels_last: bool) -> None:
    x_NCHW = torch.randn(n, c, h, w, dtype=torch.float64, generator=torch.Generator().manual_seed(n + c))
    if channels_last:
        x_NCHW = x_NCHW.contiguous(memory_format=torch.channels_last)
    flat = as_rows(x_NCHW)
    assert torch.equal(as_image(flat, x_NCHW.shape), x_NCHW)
    expected = x_NCHW.mean((0, 2, 3))
    torch.testing.assert_close(channel_mean(flat, w), expected.repeat(w).unsqueeze(0), rtol=1e-12, atol=1e-12)
    centred = (x_NCHW - expected.view(1, -1, 1, 1)) ** 2
    torch.testing.assert_close(
        as_image(squared_distance(flat, channel_mean(flat, w)), x_NCHW.shape), centred, rtol=1e-9, atol=1e-12
    )


def test_bfloat16_is_averaged_in_float32() -> None:
    """The mean of 4,096 ones and one in bfloat16 steps would stop growing at 256."""
    flat = as_rows(torch.ones(4, 8, 32, 32, dtype=torch.bfloat16))
    mean = channel_mean(flat, 32)
    assert mean.dtype == torch.float32
    torch.testing.assert_close(mean, torch.ones_like(mean))


def test_constants_first_made_while_scoring_can_be_trained_through() -> None:
    rows._averaging.cache_clear()
    rows._folding.cache_clear()
    x = torch.randn(4, 10, requires_grad=True)
    with torch.inference_mode():
        channel_mean(x, 2)
    channel_mean(x, 2).sum().backward()
    assert x.grad is not None
    assert x.grad.flatten() == pytest.approx([1 / 4] * 40)
