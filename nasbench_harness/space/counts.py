"""What can be counted without training: nonlinearities, multiply-adds and parameters.

The counted network is the NAS-Bench-201 macro net: 3x3 stem, three stages of equal cells at 1, 2 and 4 times the
channels, a residual block with stride 2 between stages, then BN-ReLU, pooling and a linear layer.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import UsageError
from nasbench_harness.space.architecture import CONV_1X1, CONV_3X3, all_codes, frozen
from nasbench_harness.space.live import PATHS, live_edges, open_paths

N_STAGES = 3


@cache
def nonlinearity_count() -> npt.NDArray[np.int8]:
    """int8 [15625]: the most convolutions on any path without `none`, 0 where there is no path; read-only.

    A convolution edge is the only place with a ReLU, so this is the longest chain of nonlinearities in the cell
    (EFS-NAS, as in the released code).
    """
    convolution_AE = np.isin(all_codes(), (CONV_1X1, CONV_3X3))
    count_AP = np.stack([convolution_AE[:, list(path)].sum(axis=1) for path in PATHS], axis=1)
    return frozen(np.where(open_paths(), count_AP, 0).max(axis=1).astype(np.int8))


@cache
def convolution_count() -> npt.NDArray[np.int64]:
    """int64 [15625]: on how many live edges a convolution sits; read-only."""
    return frozen(operation_counts(CONV_1X1, live=True) + operation_counts(CONV_3X3, live=True))


@cache
def operation_counts(operation: int, live: bool = False) -> npt.NDArray[np.int64]:
    """int64 [15625]: on how many edges (only the live ones if `live`) the operation number sits; read-only."""
    here_AE = all_codes() == operation
    if live:
        here_AE = here_AE & live_edges()
    return frozen(here_AE.sum(axis=1, dtype=np.int64))


@cache
def flops(
    channels: int = 16,
    cells: int = 5,
    image_size: int = 32,
    classes: int = 10,
    live: bool = False,
    image_channels: int = 3,
) -> npt.NDArray[np.int64]:
    """Multiply-adds of one image through the stand-alone network, int64 [15625]; read-only.

    Counts convolutions and the linear layer without bias, as the benchmark does (153,272,960 for the architecture at
    benchmark index 13714); pooling, BN and additions are free. A stride of 2 halves the side and rounds up.
    `live=True` counts only edges that can influence the output. Raises `UsageError` for a number below 1.
    """
    _check_network(
        channels=channels, cells=cells, image_size=image_size, classes=classes, image_channels=image_channels
    )
    widths, sides = _widths(channels), [image_size]
    for _ in range(N_STAGES - 1):
        sides.append((sides[-1] + 1) // 2)
    fixed = 9 * image_channels * channels * image_size**2 + classes * widths[-1]
    for narrow, wide, side in zip(widths[:-1], widths[1:], sides[1:], strict=True):
        fixed += (9 * narrow * wide + 9 * wide * wide + narrow * wide) * side**2
    per_1x1 = cells * sum(width**2 * side**2 for width, side in zip(widths, sides, strict=True))
    return _total(fixed, per_1x1=per_1x1, per_3x3=9 * per_1x1, live=live)


@cache
def parameters(
    channels: int = 16,
    cells: int = 5,
    classes: int = 10,
    live: bool = False,
    image_channels: int = 3,
) -> npt.NDArray[np.int64]:
    """Trainable parameters of the stand-alone network (BN with affine), int64 [15625]; read-only.

    For CIFAR-10 this is 73,306 + 243,040 n3x3 + 28,000 n1x1, the official archive's numbers. `live=True` counts only
    edges that can influence the output. Raises `UsageError` for a number below 1.
    """
    _check_network(channels=channels, cells=cells, classes=classes, image_channels=image_channels)
    widths = _widths(channels)
    fixed = 9 * image_channels * channels + 2 * channels  # stem and its BN
    fixed += 2 * widths[-1] + widths[-1] * classes + classes  # last BN, linear layer
    for narrow, wide in pairwise(widths):
        fixed += 9 * narrow * wide + 9 * wide * wide + narrow * wide + 2 * 2 * wide  # the 1x1 short cut has no BN
    per_1x1 = cells * sum(width**2 + 2 * width for width in widths)
    per_3x3 = cells * sum(9 * width**2 + 2 * width for width in widths)
    return _total(fixed, per_1x1=per_1x1, per_3x3=per_3x3, live=live)


def _widths(channels: int) -> list[int]:
    return [channels * 2**stage for stage in range(N_STAGES)]


def _total(fixed: int, *, per_1x1: int, per_3x3: int, live: bool) -> npt.NDArray[np.int64]:
    n_1x1_A, n_3x3_A = operation_counts(CONV_1X1, live), operation_counts(CONV_3X3, live)
    return frozen(np.asarray(fixed + per_1x1 * n_1x1_A + per_3x3 * n_3x3_A, dtype=np.int64))


def _check_network(**numbers: int) -> None:
    for name, number in numbers.items():
        if number < 1:
            raise UsageError(f"{name} of the network must be at least 1, found {number}: pass a positive integer")
