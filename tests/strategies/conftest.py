"""The digits images, which need no download, and contexts on them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nasbench_harness.images import ImageSet, ImageSpec, load_image_set
from nasbench_harness.images.batches import Augmentation, DeviceImages
from nasbench_harness.space import Subspace, connected_live_cells
from nasbench_harness.strategies import Context, Strategy
from nasbench_harness.supernet.network import NetworkShape
from nasbench_harness.system.progress import Silent
from nasbench_harness.training import trainer
from nasbench_harness.training.budget import Budget
from nasbench_harness.training.checkpoints import Checkpoints
from nasbench_harness.training.settings import TrainingSettings


@pytest.fixture(scope="session")
def digits() -> ImageSet:
    return load_image_set(ImageSpec("digits"))


class KilledError(Exception):
    """Stands for a kill: nothing of the code under test catches it."""


class KilledAt(Silent):
    """Progress that raises ``KilledError`` once so much work is done."""

    def __init__(self, amount: float) -> None:
        self.left = amount

    def advance(self, amount: float) -> None:
        self.left -= amount
        if self.left <= 0:
            raise KilledError


@pytest.fixture(scope="session")
def small_context(digits: ImageSet) -> Callable[..., Context]:
    """A fresh context by its budget in steps of 20 images; ``killed_at`` is an amount of work."""
    train, held_out = DeviceImages(digits, digits.train[:100]), DeviceImages(digits, digits.valid[:30])

    def make(steps: float, killed_at: float | None = None, **others: Any) -> Context:
        settings = TrainingSettings(batch_size=20, learning_rate=0.05, augmentation=Augmentation(False, 1))
        progress = Silent() if killed_at is None else KilledAt(killed_at)
        shape, budget = NetworkShape(4, 1, 1, 10), Budget(int(steps * 20))
        return Context(Subspace.full(), shape, train, settings, budget, ("some", 0), progress, held_out, 30, **others)

    return make


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
            strategy.train(small_context(steps, killed_at, checkpoints=kept))
        context = small_context(steps, checkpoints=kept)
        again = strategy.train(context)
        assert context.budget.forwards == whole.budget.forwards
        assert again.details == scorer.details
        assert again.losses == scorer.losses
        np.testing.assert_array_equal(again.score(cells)["negative_loss"], scorer.score(cells)["negative_loss"])

    return check
