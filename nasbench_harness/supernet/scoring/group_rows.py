"""Activations of a group as rows: a row has all images of one architecture, and is normalised by itself."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nasbench_harness.supernet.operations import EPSILON


def statistics(y_RPL: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Scale and shift ``[R, 1, L]`` that normalise each row by its own images, in the precision of the activations.

    ``y_RPL``: rows, the lines of all their images, and the ``width`` pixels of a line with all channels each.
    Deviations from the mean are squared, so nothing cancels; sums are taken in float32 or better.
    """
    if y_RPL.device.type == "cpu" or y_RPL.dtype == torch.bfloat16:
        variance_R1L, mean_R1L = two_sweeps(y_RPL, width)
    else:
        variance_R1L, mean_R1L = one_sweep(y_RPL, width)
    scale_R1L = variance_R1L.add_(EPSILON).rsqrt_()
    shift_R1L = mean_R1L.mul_(scale_R1L).neg_()
    return scale_R1L.to(y_RPL.dtype), shift_R1L.to(y_RPL.dtype)


def two_sweeps(y_RPL: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Variance and mean ``[R, 1, L]`` of each row and channel: five times as fast as torch's own on a processor, whose
    vectors it fills, and in float32 for bfloat16 activations."""
    lines, exact = y_RPL.shape[1], torch.float32 if y_RPL.dtype == torch.bfloat16 else y_RPL.dtype
    mean_R1L = _over_pixels(y_RPL.sum(1, keepdim=True, dtype=exact) / lines, width)
    square_RPL = torch.ops.aten.mse_loss(y_RPL, mean_R1L.to(y_RPL.dtype).expand_as(y_RPL), 0)
    return _over_pixels(square_RPL.sum(1, keepdim=True, dtype=exact) / lines, width), mean_R1L


def one_sweep(y_RPL: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """The same by torch's own, in few operations."""
    rows, _, length = y_RPL.shape
    variance_R1C, mean_R1C = torch.var_mean(y_RPL.view(rows, -1, length // width), 1, correction=0, keepdim=True)
    return _along(variance_R1C, width), _along(mean_R1C, width)


def _over_pixels(of_columns_R1L: Tensor, width: int) -> Tensor:
    """The mean over the pixels of a line, for each channel, repeated along the line: ``[R, 1, L]``."""
    if width == 1:
        return of_columns_R1L
    return _along(of_columns_R1L.view(len(of_columns_R1L), width, -1).mean(1, keepdim=True), width)


def _along(of_channels_R1C: Tensor, width: int) -> Tensor:
    """What is of a channel, repeated along a line."""
    return of_channels_R1C if width == 1 else of_channels_R1C.repeat(1, 1, width)


@dataclass(frozen=True)
class Form:
    """What a row holds: so many images, channels, and the height and width of an image; in this order in memory:
    images, height, width, channels."""

    images: int
    channels: int
    height: int
    width: int

    @property
    def size(self) -> int:
        """Numbers in a row, ``D``."""
        return self.images * self.channels * self.height * self.width

    def as_images(self, rows_RD: Tensor) -> Tensor:
        """Rows as channels-last images ``[R * N, C, H, W]``, without a copy."""
        images = len(rows_RD) * self.images
        return rows_RD.view(images, self.height, self.width, self.channels).permute(0, 3, 1, 2)

    def as_lines(self, x_NCHW: Tensor, width: int) -> Tensor:
        """Images ``[R * N, C, H, W]`` as lines of ``width`` pixels, ``[R, N * H * W / width, width * C]``, without a
        copy when they are channels-last."""
        lines = self.images * self.height * self.width // width
        return x_NCHW.permute(0, 2, 3, 1).reshape(-1, lines, width * self.channels)

    def as_rows(self, x_NCHW: Tensor) -> Tensor:
        """Images as rows ``[R, D]``, without a copy when they are channels-last."""
        return self.as_lines(x_NCHW, self.width).flatten(1)

    def normalised(self, y_NCHW: Tensor, out_RD: Tensor | None = None) -> Tensor:
        """Every row normalised by itself, ``[R, D]``; written to ``out_RD`` where it is given."""
        # a processor takes a whole line of an image at once; elsewhere numbers of pixels need not be repeated
        width = self.width if y_NCHW.device.type == "cpu" else 1
        y_RPL = self.as_lines(y_NCHW, width)
        scale, shift = statistics(y_RPL, width)
        out = None if out_RD is None else out_RD.view(y_RPL.shape)
        return torch.addcmul(shift, y_RPL, scale, out=out).flatten(1)
