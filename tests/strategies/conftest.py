"""A check that all strategies share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nasbench_harness.space import connected_live_cells
from nasbench_harness.strategies import Context, Strategy
from nasbench_harness.training import trainer
from nasbench_harness.training.checkpoints import Checkpoints
from tests.kills import KilledAt, KilledError


@pytest.fixture
def resumes(
    small_context: Callable[..., Context], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Strategy, int, float], None]:
    """Checks that a strategy killed after an amount of work ends, when it is run again, as if it had not been."""
    monkeypatch.setattr(trainer, "SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    cells = connected_live_cells()[::200]

    def check(strategy: Strategy, steps: int, killed_at: float) -> None:
        whole = small_context(steps)
        scorer = strategy.train(whole)
        kept = Checkpoints(tmp_path / str(killed_at), "unit")
        with pytest.raises(KilledError):
            strategy.train(small_context(steps, checkpoints=kept, progress=KilledAt(killed_at)))
        context = small_context(steps, checkpoints=kept)
        again = strategy.train(context)
        assert context.budget.forwards == whole.budget.forwards
        assert again.details == scorer.details
        assert again.losses == scorer.losses
        np.testing.assert_array_equal(again.score(cells)["negative_loss"], scorer.score(cells)["negative_loss"])

    return check
