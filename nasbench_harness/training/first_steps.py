"""How a loop begins: what it draws, and the losses of its first steps.

Two runs of the same description start with the same draws and weights, so on any machine their first losses agree up to
rounding. Later ones do not: a difference of rounding grows with every step until the end results differ like those of
two seeds. So a comparison across machines or kernels looks at these steps and not at the end. Learning rates are equal
on all machines.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

COUNT = 10
"""Steps that are noted."""


class FirstSteps:
    """Losses of the first steps of a loop, and a digest of its draws: all architectures, and these steps' labels."""

    def __init__(self, architectures: np.ndarray | None = None) -> None:
        """``architectures``: our indices of all that the loop trains, in order; None where it draws none."""
        drawn = b"" if architectures is None else np.ascontiguousarray(architectures, dtype=np.int64).tobytes()
        self._architectures = hashlib.sha256(drawn).hexdigest()
        self._labels = ""
        self._unread: list[Tensor] = []  # labels of batches that are not in the digest yet
        self._losses: list[Tensor | float] = []
        self._rates: list[float] = []

    @property
    def missing(self) -> bool:
        """Whether more steps are to be noted."""
        return len(self._losses) < COUNT

    def note_batch(self, labels: Tensor) -> None:
        """The labels ``[n]`` of a batch that the step at hand uses; several batches a step are noted one by one.

        They must not be written to: they are read only when they are asked for, so that no step waits for a device.
        """
        if self.missing:
            self._unread.append(labels)

    def _digest_of_labels(self) -> str:
        for labels in self._unread:
            seen = labels.cpu().numpy().astype(np.int64).tobytes()
            self._labels = hashlib.sha256(self._labels.encode() + seen).hexdigest()
        self._unread = []
        return self._labels

    def note_losses(self, losses: Sequence[Tensor]) -> None:
        """The losses of the step at hand; their mean is kept."""
        if self.missing:
            total = losses[0].clone()
            for loss in losses[1:]:
                total += loss
            self._losses.append(total / len(losses))

    def note_rate(self, rate: float) -> None:
        """The learning rate of the step at hand; before its losses."""
        if self.missing:
            self._rates.append(rate)

    @property
    def rates(self) -> tuple[float, ...]:
        """Learning rate of each noted step; empty for a loop that tells none."""
        return tuple(self._rates)

    @property
    def losses(self) -> tuple[float, ...]:
        """Mean loss of each noted step."""
        return tuple(float(loss) for loss in self._losses)

    @property
    def draws(self) -> str:
        """Digest of what was drawn, 16 hexadecimal digits."""
        return hashlib.sha256(f"{self._architectures} {self._digest_of_labels()}".encode()).hexdigest()[:16]

    def state(self) -> dict[str, Any]:
        """What a later process needs, as plain JSON values."""
        return {"labels": self._digest_of_labels(), "losses": list(self.losses), "rates": self._rates}

    def restore(self, values: Mapping[str, Any]) -> None:
        """Take up what ``state`` gave; a checkpoint from before this was noted has none, and no loss is kept."""
        self._labels, self._unread = str(values.get("labels", "")), []
        self._losses = list(values.get("losses", ()))
        self._rates = list(values.get("rates", ()))
