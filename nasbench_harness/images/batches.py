"""Images on the device: the whole set as one uint8 tensor, batches and augmentation as tensor code."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from nasbench_harness.images.augmentation import Augmentation
from nasbench_harness.images.batch_sizes import BatchSizes, LastBatch
from nasbench_harness.images.placing import placed
from nasbench_harness.images.sets import ImageSet

__all__ = ["Augmentation", "DeviceImages"]


@dataclass(frozen=True, eq=False)
class DrawnPass:
    """What is drawn for one pass: ``order`` of the images ``[N]``, and for each place in it whether it is flipped
    (``flips`` bool ``[N]``) and where its crop begins (``offsets`` int64 ``[2, N]``, rows and columns)."""

    order: Tensor
    flips: Tensor
    offsets: Tensor


class DeviceImages:
    """Part of an image set, resident on ``device``; batches come out normalised, float32, channels-last."""

    def __init__(self, images: ImageSet, part: np.ndarray, device: str | torch.device = "cpu") -> None:
        """``part`` holds the positions within ``images`` to keep, in this order."""
        self.pixels = torch.from_numpy(images.images[part]).to(device).contiguous(memory_format=torch.channels_last)
        self.labels = torch.from_numpy(images.labels[part]).to(device)
        # (pixel / 255 - mean) / std as one multiplication and one addition
        mean, std = (torch.as_tensor(v, dtype=torch.float32, device=device) for v in (images.mean, images.std))
        self._scale = (1.0 / (255.0 * std)).view(1, -1, 1, 1)
        self._shift = (-mean / std).view(1, -1, 1, 1)

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, rows: Tensor | slice) -> DeviceImages:
        """The images of ``rows`` (positions ``[n]`` or a slice), in this order; a slice shares memory."""
        part = copy.copy(self)
        part.pixels = self.pixels[rows].contiguous(memory_format=torch.channels_last)
        part.labels = self.labels[rows]
        return part

    def normalised(self, rows: Tensor | slice) -> Tensor:
        """The images of ``rows`` as float32 ``[n, C, H, W]``."""
        return self._normalised(self.pixels[rows])

    def _normalised(self, pixels_NCHW: Tensor) -> Tensor:
        return torch.addcmul(self._shift, pixels_NCHW.float(), self._scale)

    def equal_batches(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """All images in stored order, in the fewest batches of at most ``size``, equal to within one image.

        Equal sizes matter: scores use batch statistics, and a small last batch would be judged by other ones.
        """
        count = -(-len(self) // size)
        bounds = np.linspace(0, len(self), count + 1).astype(int)
        for start, stop in pairwise(bounds):
            rows = slice(int(start), int(stop))
            yield self.normalised(rows), self.labels[rows]

    def pixel_values(self) -> Tensor:
        """What each value of a pixel is after normalisation, ``[C, 256]``."""
        pixels_NCHW = torch.arange(256, dtype=torch.uint8).repeat(self.pixels.shape[1], 1)[None, :, None]
        return self._normalised(pixels_NCHW.to(self.pixels.device))[0, :, 0].contiguous()

    def passes(self, augmentation: Augmentation, seed: int) -> Iterator[DrawnPass]:
        """What is drawn for one pass after the other, without end."""
        generator = torch.Generator().manual_seed(seed)
        device = self.pixels.device
        while True:
            order = placed(torch.randperm(len(self), generator=generator), device)
            flips = placed(torch.rand(len(self), generator=generator), device) < 0.5
            span = 2 * augmentation.crop_padding + 1
            offsets = placed(torch.randint(span, (2, len(self)), generator=generator), device)
            yield DrawnPass(order, flips, offsets)

    def training_batches(
        self, size: int, augmentation: Augmentation, seed: int, skip: int = 0, last_batch: LastBatch = "drop"
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Endless augmented batches: a new random order for each pass.

        ``last_batch`` says what happens to the incomplete last batch of a pass. The first ``skip`` batches are left out
        without being made, for training that resumes after an interruption.
        """
        sizes = BatchSizes(len(self), size, last_batch)
        passes, left_out = divmod(skip, sizes.batches_a_pass)
        for number, drawn in enumerate(self.passes(augmentation, seed)):
            order, flips, offsets = drawn.order, drawn.flips, drawn.offsets
            if number < passes:
                continue  # its draws are made, so that those of the next are what they would be
            first = left_out * size if number == passes else 0
            for start in range(first, sizes.images_a_pass, size):
                x_NCHW = self.pixels[order[start : start + size]]
                # a border of zeros is black before normalising, and has the mean colour after it
                normalise_first = augmentation.crop_fill == "mean"
                if normalise_first:
                    x_NCHW = self._normalised(x_NCHW)
                if augmentation.flip:
                    x_NCHW = torch.where(flips[start : start + size].view(-1, 1, 1, 1), x_NCHW.flip(3), x_NCHW)
                if augmentation.crop_padding:
                    x_NCHW = _crop(x_NCHW, augmentation.crop_padding, offsets[:, start : start + size])
                if not normalise_first:
                    x_NCHW = self._normalised(x_NCHW)
                yield (
                    x_NCHW.contiguous(memory_format=torch.channels_last),
                    self.labels[order[start : start + size]],
                )


def _crop(x_NCHW: Tensor, padding: int, offsets_2N: Tensor) -> Tensor:
    """Cut an image-sized window at its own offset from every zero-padded image, by one gather over its pixels."""
    n, _, h, w = x_NCHW.shape
    padded = F.pad(x_NCHW, (padding,) * 4).permute(0, 2, 3, 1)
    rows = offsets_2N[0].view(n, 1, 1) + torch.arange(h, device=x_NCHW.device).view(1, h, 1)
    columns = offsets_2N[1].view(n, 1, 1) + torch.arange(w, device=x_NCHW.device).view(1, 1, w)
    image = torch.arange(n, device=x_NCHW.device).view(n, 1, 1)
    return padded[image, rows, columns].permute(0, 3, 1, 2)
