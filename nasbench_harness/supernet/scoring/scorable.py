"""The one loop that scores architectures: what can be scored, live cells and held-out images in, both signals out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nasbench_harness.errors import RunError
from nasbench_harness.images.batches import DeviceImages
from nasbench_harness.supernet.network import live_codes
from nasbench_harness.system.progress import Progress

IntArray = npt.NDArray[np.int64]

Answer = Callable[[Any], Tensor]
"""Logits ``[N, classes]`` of a run, on the batch of images at hand."""


@dataclass(frozen=True)
class Scores:
    """Both scoring signals of ``n`` architectures; higher is better.

    ``accuracy`` in percent and ``negative_loss`` (minus the mean cross-entropy in nats), float64 ``[n]``.
    """

    accuracy: np.ndarray
    negative_loss: np.ndarray


class Scorable(Protocol):
    """Trained weights, and the way in which an architecture uses them."""

    @property
    def network(self) -> nn.Module:
        """Where the weights are."""

    def functions(self, cells: IntArray) -> IntArray:
        """For each live cell ``[n]`` the smallest one that computes the same; cells of one function share a run."""

    def runs(self, cells: IntArray) -> tuple[Sequence[Any], IntArray]:
        """What has to be run to score live cells ``[n]``, neighbours alike, and the run of each of them ``[n]``."""

    def engine(self) -> Callable[[Tensor], Answer]:
        """What makes a batch of images ready for runs; weights must not change while it is used."""

    def logits(self, x_NCHW: Tensor, cell: int) -> Tensor:
        """Logits of one live cell by a plain forward pass."""


@torch.inference_mode()
def score(scorable: Scorable, cells: np.ndarray, images: DeviceImages, batch_size: int, progress: Progress) -> Scores:
    """Score live cells (our indices ``[n]``) on all ``images`` with the batch statistics of each batch.

    Reports one unit of progress for each cell. Raises ``RunError`` naming the first architecture whose loss is not
    finite.
    """
    scorable.network.eval()
    on_batch = scorable.engine()
    runs, position_of = scorable.runs(cells)
    device = images.labels.device
    correct = torch.zeros(len(runs), dtype=torch.int64, device=device)
    loss = torch.zeros(len(runs), dtype=torch.float64, device=device)
    batches = -(-len(images) // batch_size)
    for x_NCHW, labels in images.equal_batches(batch_size):
        answer = on_batch(x_NCHW)
        for position, run in enumerate(runs):
            logits = answer(run)
            correct[position] += (logits.argmax(1) == labels).sum()
            loss[position] += F.cross_entropy(logits, labels, reduction="sum")
            progress.advance(len(cells) / len(runs) / batches)
    return scores_of(correct[position_of], loss[position_of], len(images), cells)


def scores_of(correct_N: Tensor, loss_N: Tensor, images: int, cells: np.ndarray) -> Scores:
    """Scores of live cells ``[n]`` from correct answers and losses summed over so many images.

    Raises ``RunError`` naming the first architecture whose loss is not finite.
    """
    accuracy = 100.0 * correct_N.cpu().numpy() / images
    negative_loss = -loss_N.cpu().numpy() / images
    if not np.isfinite(negative_loss).all():
        bad = live_codes(cells)[int(np.argmin(np.isfinite(negative_loss)))]
        raise RunError(f"architecture {bad} scores a loss that is not finite; the supernet diverged, lower the rate")
    return Scores(accuracy, negative_loss)
