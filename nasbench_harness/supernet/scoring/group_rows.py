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
    lines, exact = y_RPL.shape[1], torch.float32 if y_RPL.dtype == torch.bfloat16 else y_RPL.dtype
    if y_RPL.device.type == "cpu" or y_RPL.dtype == torch.bfloat16:
        # a processor's own variance takes five times as long as these sweeps, and rounds bfloat16 results
        mean_R1L = _over_pixels(y_RPL.sum(1, dtype=exact) / lines, width)
        square_RPL = torch.ops.aten.mse_loss(y_RPL, mean_R1L.to(y_RPL.dtype).expand_as(y_RPL), 0)
        variance_R1L = _over_pixels(square_RPL.sum(1, dtype=exact) / lines, width)
    else:
        variance_R1L, mean_R1L = one_sweep(y_RPL, width)
    scale_R1L = variance_R1L.add_(EPSILON).rsqrt_()
    return scale_R1L.to(y_RPL.dtype), mean_R1L.mul_(scale_R1L).neg_().to(y_RPL.dtype)


def one_sweep(y_RPL: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Variance and mean ``[R, 1, L]`` of each row and channel: variance in a column of pixels, and between columns."""
    variance_RL, mean_RL = torch.var_mean(y_RPL, 1, correction=0)
    mean_R1L = _over_pixels(mean_RL, width)
    between_RL = (mean_RL - mean_R1L.squeeze(1)).square_()
    return _over_pixels(variance_RL.add_(between_RL), width), mean_R1L


def _over_pixels(of_columns_RL: Tensor, width: int) -> Tensor:
    """The mean over the pixels of a line, for each channel, repeated along the line: ``[R, 1, L]``."""
    rows, length = of_columns_RL.shape
    mean_R1C = of_columns_RL.view(rows, width, length // width).mean(1, keepdim=True)
    return mean_R1C.expand(-1, width, -1).reshape(rows, 1, length)


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

    def as_lines(self, x_NCHW: Tensor) -> Tensor:
        """Images ``[R * N, C, H, W]`` as ``[R, N * H, W * C]``, without a copy when they are channels-last."""
        return x_NCHW.permute(0, 2, 3, 1).reshape(-1, self.images * self.height, self.width * self.channels)

    def as_rows(self, x_NCHW: Tensor) -> Tensor:
        """Images as rows ``[R, D]``, without a copy when they are channels-last."""
        return self.as_lines(x_NCHW).flatten(1)

    def normalised(self, y_NCHW: Tensor, out_RD: Tensor | None = None) -> Tensor:
        """Every row normalised by itself, ``[R, D]``; written to ``out_RD`` where it is given."""
        y_RPL = self.as_lines(y_NCHW)
        scale, shift = statistics(y_RPL, self.width)
        out = None if out_RD is None else out_RD.view(y_RPL.shape)
        return torch.addcmul(shift, y_RPL, scale, out=out).flatten(1)
