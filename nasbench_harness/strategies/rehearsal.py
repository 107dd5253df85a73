"""Whether a strategy can be trained as asked, found out in a moment instead of after the units before it.

How a strategy divides its budget is known to it alone, and it refuses what cannot be divided before it trains anything.
So it is begun, and stopped where its first work would start: work is done by the context, and told to its progress.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from nasbench_harness.errors import UsageError
from nasbench_harness.strategies.base import Strategy
from nasbench_harness.strategies.context import Context
from nasbench_harness.system.progress import Silent
from nasbench_harness.training.checkpoints import Checkpoints

if TYPE_CHECKING:
    from nasbench_harness.training.trainer import LossCurve, TrainingLoop


class _WorkBeginsError(Exception):
    """The strategy has refused nothing and would begin to train or to measure."""


class _Curtain(Silent):
    """Progress that lets no work begin."""

    def start(self, phase: str, total: float, unit: str) -> None:
        """Stop the strategy."""
        raise _WorkBeginsError


@dataclass(frozen=True)
class _Rehearsal(Context):
    """A context that neither trains nor measures."""

    def train_together(self, runs: Sequence[TrainingLoop], name: str) -> list[LossCurve]:
        """Stop the strategy."""
        raise _WorkBeginsError

    def measure(self, name: str, compute: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """Stop the strategy."""
        raise _WorkBeginsError


def rehearse(strategy: Strategy, context: Context) -> None:
    """Raise the ``UsageError`` of a strategy that refuses its settings before its first work.

    Nothing is trained, stored or charged. Any other error is left for the unit's own turn, where it fails that unit and
    no other; and so are strategies that do not say that they can be rehearsed, for a plug-in may do anything.
    """
    if not strategy.can_be_rehearsed:
        return
    same = {field.name: getattr(context, field.name) for field in fields(Context)}
    alone = {"progress": _Curtain(), "checkpoints": Checkpoints(), "processes": 1, "trajectory": None}
    try:
        strategy.train(_Rehearsal(**same | alone))
    except UsageError:
        raise
    except Exception:
        return
