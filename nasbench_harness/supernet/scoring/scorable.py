"""The one loop that scores architectures: what can be scored, live cells and held-out images in, both signals out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nasbench_harness.errors import RunError
from nasbench_harness.images.batches import DeviceImages
from nasbench_harness.supernet.network import live_codes
from nasbench_harness.supernet.scoring.group_engine import GroupNetwork, Sharing
from nasbench_harness.supernet.scoring.grouping import group_size
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


@runtime_checkable
class Groupable(Scorable, Protocol):
    """A ``Scorable`` whose runs share weights by edge and operation, so that many can be scored at once."""

    def sharing(self) -> Sharing:
        """How they do."""


Judged = Iterator[tuple[slice, Tensor, Tensor]]
"""For places of runs: correct answers and losses summed over a batch, one of each for every run."""


class Judge:
    """Batches of images and runs in, correct answers and summed losses out; in groups where those pay."""

    def __init__(self, scorable: Scorable) -> None:
        self.scorable = scorable
        self._engine: Callable[[Tensor], Answer] | None = None
        self._groups = GroupNetwork(scorable.sharing()) if isinstance(scorable, Groupable) else None

    def __call__(self, x_NCHW: Tensor, labels: Tensor, runs: Sequence[Any]) -> Judged:
        """All runs on one batch."""
        if self._groups is not None and (size := group_size(self._groups.network, x_NCHW)) > 1:
            return self._in_groups(self._groups, size, x_NCHW, labels, runs)
        return self._one_by_one(x_NCHW, labels, runs)

    def _one_by_one(self, x_NCHW: Tensor, labels: Tensor, runs: Sequence[Any]) -> Judged:
        if self._engine is None:
            self._engine = self.scorable.engine()
        answer = self._engine(x_NCHW)
        for place, run in enumerate(runs):
            logits = answer(run)
            loss = F.cross_entropy(logits, labels, reduction="sum")
            yield slice(place, place + 1), (logits.argmax(1) == labels).sum(), loss

    def _in_groups(
        self, groups: GroupNetwork, size: int, x_NCHW: Tensor, labels: Tensor, runs: Sequence[Any]
    ) -> Judged:
        answer, start = groups.on_batch(x_NCHW), 0
        while start < len(runs):
            try:
                logits_MNK = answer(runs[start : start + size])
            except torch.OutOfMemoryError:  # others may use the device too, and libraries take room of their own
                if size == 1:
                    raise
                size = max(1, size // 2)
                continue
            members = len(logits_MNK)
            loss = F.cross_entropy(logits_MNK.flatten(0, 1), labels.repeat(members), reduction="none")
            yield (
                slice(start, start + members),
                (logits_MNK.argmax(2) == labels).sum(1),
                loss.view(members, -1).sum(1),
            )
            start += members


@torch.inference_mode()
def score(scorable: Scorable, cells: np.ndarray, images: DeviceImages, batch_size: int, progress: Progress) -> Scores:
    """Score live cells (our indices ``[n]``) on all ``images`` with the batch statistics of each batch.

    Reports one unit of progress for each cell. Raises ``RunError`` naming the first architecture whose loss is not
    finite.
    """
    scorable.network.eval()
    judge = Judge(scorable)
    runs, position_of = scorable.runs(cells)
    device = images.labels.device
    correct = torch.zeros(len(runs), dtype=torch.int64, device=device)
    loss = torch.zeros(len(runs), dtype=torch.float64, device=device)
    batches = -(-len(images) // batch_size)
    for x_NCHW, labels in images.equal_batches(batch_size):
        for places, correct_M, loss_M in judge(x_NCHW, labels, runs):
            correct[places] += correct_M
            loss[places] += loss_M
            progress.advance((places.stop - places.start) * len(cells) / len(runs) / batches)
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
