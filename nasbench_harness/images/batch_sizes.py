"""How many images each training batch holds, pass after pass over an image set: arithmetic, free of torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LastBatch = Literal["drop", "keep"]
"""What happens to the incomplete batch at the end of a pass: 25,000 images leave 40 at a batch size of 64."""


@dataclass(frozen=True)
class BatchSizes:
    """Batches of at most ``size`` images out of ``images``; the released codes "keep" the last one of each pass."""

    images: int
    size: int
    last_batch: LastBatch = "drop"

    @property
    def batches_a_pass(self) -> int:
        """Batches of one pass over the images."""
        return -(-self.images // self.size) if self.last_batch == "keep" else self.images // self.size

    @property
    def images_a_pass(self) -> int:
        """Images that one pass trains on."""
        return min(self.images, self.batches_a_pass * self.size)

    def size_of(self, step: int) -> int:
        """Images of the batch of a step, counted from 0."""
        return self.images_before(step + 1) - self.images_before(step)

    def images_before(self, step: int) -> int:
        """Images of all batches before a step."""
        passes, batches = divmod(step, self.batches_a_pass)
        return passes * self.images_a_pass + batches * self.size

    def steps_within(self, images: int) -> int:
        """The largest number of batches that together hold at most ``images``."""
        passes, left = divmod(images, self.images_a_pass)
        return passes * self.batches_a_pass + left // self.size
