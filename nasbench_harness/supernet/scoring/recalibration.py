"""Scoring with recalibrated batch norm: statistics of training images for each architecture, then held-out images.

The default judges every batch by its own statistics. Here each architecture first sees a few training batches; the mean
and variance that every normalisation meets are averaged over them, in forward order, and then fixed. In
published logs tau rises by some 0.1 and the precision at the top falls (docs/protocol.md). Ties between architectures
that share their live edges stay, because all are given the same training batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from nasbench_harness.errors import RunError
from nasbench_harness.images.batches import DeviceImages
from nasbench_harness.supernet.network import live_codes
from nasbench_harness.supernet.operations import EPSILON, normalising_by
from nasbench_harness.supernet.scoring.scorable import Scorable, Scores, score
from nasbench_harness.system.progress import Progress


class Recalibration:
    """Statistics of every normalisation of one architecture, in the order of its forward pass."""

    def __init__(self) -> None:
        self.means: list[Tensor] = []
        self.variances: list[Tensor] = []
        self.batches = 0
        self._position = 0
        self._collecting = True

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """One forward pass whose batch statistics join the averages."""
        self._position, self._collecting = 0, True
        self.batches += 1
        with normalising_by(self):
            yield

    @contextmanager
    def applying(self) -> Iterator[None]:
        """One forward pass that is normalised by the averages."""
        self._position, self._collecting = 0, False
        with normalising_by(self):
            yield

    def __call__(self, x_NCHW: Tensor) -> Tensor:
        """Normalise one activation; the calls of a pass are told apart by their order."""
        place = self._position
        self._position += 1
        if not self._collecting:
            return F.batch_norm(x_NCHW, self.means[place], self.variances[place], training=False, eps=EPSILON)
        variance, mean = torch.var_mean(x_NCHW, dim=(0, 2, 3), correction=0)
        if place == len(self.means):
            self.means.append(mean.clone())
            self.variances.append(variance.clone())
        else:
            self.means[place] += (mean - self.means[place]) / self.batches
            self.variances[place] += (variance - self.variances[place]) / self.batches
        return F.batch_norm(x_NCHW, mean, variance, training=False, eps=EPSILON)


def score_as_asked(
    scorable: Scorable,
    cells: np.ndarray,
    calibration: Sequence[Tensor],
    images: DeviceImages,
    batch_size: int,
    progress: Progress,
) -> Scores:
    """``score_recalibrated`` where there are batches to calibrate on, else ``score`` by the statistics of the batch."""
    if calibration:
        return score_recalibrated(scorable, cells, calibration, images, batch_size, progress)
    return score(scorable, cells, images, batch_size, progress)


@torch.inference_mode()
def score_recalibrated(
    scorable: Scorable,
    cells: np.ndarray,
    calibration: Sequence[Tensor],
    images: DeviceImages,
    batch_size: int,
    progress: Progress,
) -> Scores:
    """As ``score``, but every architecture is first recalibrated on the batches ``calibration``.

    ``calibration``: normalised training images ``[N, C, H, W]`` each. Costs a forward pass over them for each of the
    ``cells`` beside that over ``images``; nothing is shared between architectures. Raises ``RunError`` naming the first
    architecture whose loss is not finite.
    """
    scorable.network.eval()
    held_out = [
        (x_NCHW.contiguous(memory_format=torch.channels_last), labels)
        for x_NCHW, labels in images.equal_batches(batch_size)
    ]
    accuracy, negative_loss = np.empty(len(cells)), np.empty(len(cells))
    for row, cell in enumerate(cells.tolist()):
        statistics = Recalibration()
        for x_NCHW in calibration:
            with statistics.collecting():
                scorable.logits(x_NCHW, cell)
        correct = loss = 0.0
        for x_NCHW, labels in held_out:
            with statistics.applying():
                logits = scorable.logits(x_NCHW, cell)
            correct += float((logits.argmax(1) == labels).sum())
            loss += float(F.cross_entropy(logits, labels, reduction="sum"))
        accuracy[row], negative_loss[row] = 100.0 * correct / len(images), -loss / len(images)
        if not np.isfinite(negative_loss[row]):
            [code] = live_codes(cells[row : row + 1])
            raise RunError(f"architecture {code} scores a loss that is not finite; the supernet diverged")
        progress.advance(1)
    return Scores(accuracy, negative_loss)
