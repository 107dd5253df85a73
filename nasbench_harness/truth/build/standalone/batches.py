"""Images for models side by side: every seed its own order, all channels of a batch in one gather."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nasbench_harness.errors import RunError
from nasbench_harness.images import ImageSet
from nasbench_harness.seeding import derive_seed
from nasbench_harness.truth.build.standalone.models import Models
from nasbench_harness.truth.build.standalone.recipe import Recipe

EVALUATION_IMAGES = 1200

FloatArray = npt.NDArray[np.float64]


class Batches:
    """The images of a set on the network's scale, and batches of them with the models' channels side by side."""

    def __init__(self, images: ImageSet, recipe: Recipe) -> None:
        self.recipe = recipe
        self.train = torch.from_numpy(images.train)
        self.labels = torch.from_numpy(images.labels)
        mean, std = (np.asarray(v, dtype=np.float32)[:, None, None] for v in (images.mean, images.std))
        self.n_classes, (self.height, self.width) = images.n_classes, images.images.shape[2:]
        wide = np.pad(images.images, ((0, 0), (0, 0), *[(recipe.shift, recipe.shift)] * 2))  # black is 0 in every set
        scaled = (wide.astype(np.float32) / np.float32(255) - mean) / std
        self.pixels_NHWC = torch.from_numpy(np.ascontiguousarray(scaled.transpose(0, 2, 3, 1)))

    def batches(self, seeds: Sequence[int]) -> Iterator[tuple[Tensor, Tensor]]:
        """Every update's images ``[B, models * C, H, W]`` and labels ``[models, B]``, each seed in its own order."""
        generators = [torch.Generator().manual_seed(derive_seed("stand-alone", seed, "order")) for seed in seeds]
        n, size, span = len(self.train), self.recipe.batch, 2 * self.recipe.shift + 1
        for _ in range(self.recipe.epochs):
            order_NM = torch.stack([self.train[torch.randperm(n, generator=g)] for g in generators], 1)
            offset_2NM = torch.stack([torch.randint(span, (2, n), generator=g) for g in generators], 2)
            for start in range(0, n - size + 1, size):
                rows = slice(start, start + size)
                yield self._images(order_NM[rows], offset_2NM[:, rows]), self.labels[order_NM[rows].T]

    def _images(self, which_BM: Tensor, offset_2BM: Tensor) -> Tensor:
        """One gather that cuts each image at its offset and lays the models' channels side by side, channels last."""
        row_BHM = offset_2BM[0][:, None] + torch.arange(self.height)[:, None]
        column_BWM = offset_2BM[1][:, None] + torch.arange(self.width)[:, None]
        x = self.pixels_NHWC[which_BM[:, None, None], row_BHM[:, :, None], column_BWM[:, None]]  # [B, H, W, M, C]
        return x.flatten(3).permute(0, 3, 1, 2)

    @torch.no_grad()
    def accuracy(self, models: Models, part: npt.NDArray[np.int64]) -> FloatArray:
        """Percent right on a part of the images in stored order, unshifted, float64 ``[models]``."""
        right_M = torch.zeros(len(models.seeds), dtype=torch.int64)
        for chunk in np.array_split(part, -(-len(part) // EVALUATION_IMAGES)):
            which_BM = torch.from_numpy(chunk)[:, None].expand(-1, len(models.seeds))
            middle = torch.full((2, *which_BM.shape), self.recipe.shift)
            logits = models.logits(self._images(which_BM, middle))
            if not torch.isfinite(logits).all():
                raise RunError("a stand-alone network gives logits that are not finite; lower the learning rate")
            right_M += (logits.argmax(-1) == self.labels[which_BM[:, 0]]).sum(1)
        return 100.0 * right_M.double().numpy() / len(part)
