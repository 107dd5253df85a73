"""A check that all strategies share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nasbench_harness.space import connected_live_cells
from nasbench_harness.strategies import Context, Strategy
from nasbench_harness.training import trainer
from nasbench_harness.training.checkpoints import Checkpoints
from tests.kills import KilledAt, KilledError

CELLS = connected_live_cells()[::200]


@dataclass(frozen=True)
class Outcome:
    """What a strategy came to: its cost, its records, and the scores of some cells ``[n]``."""

    forwards: int
    details: dict[str, Any]
    losses: tuple[Any, ...]
    negative_loss: np.ndarray

    @classmethod
    def of(cls, strategy: Strategy, context: Context) -> Outcome:
        """Train the strategy and score with it."""
        scorer = strategy.train(context)
        forwards = context.budget.forwards
        return cls(forwards, scorer.details, scorer.losses, scorer.score(CELLS)["negative_loss"])


@pytest.fixture(scope="session")
def uninterrupted(small_context: Callable[..., Context]) -> Callable[[Strategy, int], Outcome]:
    """The outcome of a strategy after so many steps; computed once for all the ways to interrupt it."""
    known: dict[str, Outcome] = {}

    def outcome(strategy: Strategy, steps: int) -> Outcome:
        key = f"{strategy!r} after {steps}"
        if key not in known:
            known[key] = Outcome.of(strategy, small_context(steps))
        return known[key]

    return outcome


@pytest.fixture
def resumes(
    small_context: Callable[..., Context],
    uninterrupted: Callable[[Strategy, int], Outcome],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[Strategy, int, float], None]:
    """Checks that a strategy killed after an amount of work ends, when it is run again, as if it had not been."""
    monkeypatch.setattr(trainer, "SECONDS_BETWEEN_CHECKPOINTS", 0.0)

    def check(strategy: Strategy, steps: int, killed_at: float) -> None:
        expected = uninterrupted(strategy, steps)
        kept = Checkpoints(tmp_path / str(killed_at), "unit")
        with pytest.raises(KilledError):
            strategy.train(small_context(steps, checkpoints=kept, progress=KilledAt(killed_at)))
        found = Outcome.of(strategy, small_context(steps, checkpoints=kept))
        assert found.forwards == expected.forwards
        assert found.details == expected.details
        assert found.losses == expected.losses
        np.testing.assert_array_equal(found.negative_loss, expected.negative_loss)

    return check
