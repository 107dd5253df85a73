"""What a training step minimises: cross-entropy, or cross-entropy with distillation from other networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor


class Objective(Protocol):
    """The loss of one architecture on one batch."""

    forwards: int
    """Forward passes without gradient that it adds to each update, as the budget counts them."""

    def __call__(self, logits: Tensor, labels: Tensor, x_NCHW: Tensor, architecture: int, position: int) -> Tensor:
        """A scalar to descend.

        ``architecture`` is our index of the one that gave ``logits`` ``[N, classes]``; ``position`` counts the
        architectures trained in this stage, so that draws of the objective can be derived from it and repeated.
        """


class CrossEntropy:
    """Mean cross-entropy with the labels, in nats."""

    forwards = 0

    def __call__(self, logits: Tensor, labels: Tensor, x_NCHW: Tensor, architecture: int, position: int) -> Tensor:
        """Cross-entropy of ``logits`` ``[N, classes]`` with ``labels`` ``[N]``."""
        from torch.nn import functional as F

        return F.cross_entropy(logits, labels)
