"""Block means against exact fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasbench_harness.errors import UsageError
from nasbench_harness.images.resize import block_factor, block_mean


def _slow(image: np.ndarray, factor: int) -> np.ndarray:
    n, c, h, w = image.shape
    out = np.empty((n, c, h // factor, w // factor), dtype=np.uint8)
    for place in np.ndindex(out.shape):
        a, b, i, j = place
        block = image[a, b, i * factor : (i + 1) * factor, j * factor : (j + 1) * factor]
        out[place] = math.floor(Fraction(sum(block.ravel().tolist()), factor**2) + Fraction(1, 2))
    return out


@settings(max_examples=25, deadline=None)
@given(factor=st.sampled_from([1, 2, 3, 4, 8]), cells=st.integers(1, 3), seed=st.integers(0, 999))
def test_block_mean_is_the_nearest_integer_halves_up(factor: int, cells: int, seed: int) -> None:
    side = factor * cells
    image = np.random.default_rng(seed).integers(0, 256, (2, 3, side, side), dtype=np.uint8)
    np.testing.assert_array_equal(block_mean(image, factor), _slow(image, factor))


@pytest.mark.parametrize("factor", [15, 16, 17, 32])
def test_the_brightest_blocks_do_not_overflow(factor: int) -> None:
    white = np.full((1, 1, factor, factor), 255, dtype=np.uint8)
    assert block_mean(white, factor).item() == 255


def test_factors() -> None:
    assert [block_factor(32, size) for size in (None, 32, 16, 1)] == [1, 1, 2, 32]
    for size in (0, -2, 15, 64):
        with pytest.raises(
            UsageError, match=rf"image size {size} does not divide 32; choose one of 1, 2, 4, 8, 16, 32"
        ):
            block_factor(32, size)
