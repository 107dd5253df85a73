"""Down-sampling by block means."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import UsageError

PixelArray = npt.NDArray[np.uint8]


def block_factor(side: int, size: int | None) -> int:
    """Side of the block that becomes one pixel; ``UsageError`` unless ``size`` divides ``side``."""
    if size is None:
        return 1
    if size < 1 or side % size:
        allowed = [s for s in range(1, side + 1) if side % s == 0]
        raise UsageError(f"image size {size} does not divide {side}; choose one of {', '.join(map(str, allowed))}")
    return side // size


def block_mean(images_NCHW: PixelArray, factor: int) -> PixelArray:
    """The mean of every ``factor`` x ``factor`` block, uint8 ``[N, C, H/factor, W/factor]``, halves rounded up."""
    if factor == 1:
        return images_NCHW
    # strided sums in integers: exact, and many times faster than a mean over reshaped axes
    fits = factor * factor * 255 + factor * factor // 2 < 1 << 16
    rows: npt.NDArray[Any] = images_NCHW[:, :, 0::factor].astype(np.uint16 if fits else np.uint32)
    for offset in range(1, factor):
        rows += images_NCHW[:, :, offset::factor]
    total = rows[..., 0::factor].copy()
    for offset in range(1, factor):
        total += rows[..., offset::factor]
    total += factor * factor // 2
    total //= factor * factor
    return total.astype(np.uint8)
