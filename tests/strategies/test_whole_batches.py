"""Strategies that plan in steps of equal size, under a protocol that keeps the incomplete last batch of a pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from nasbench_harness.strategies import Context, Strategy, strategies
from tests.strategies.conftest import Outcome


@pytest.mark.parametrize(("strategy", "steps"), [("close", 30), ("hm-nas", 150)])
def test_they_leave_it_out(small_context: Callable[..., Context], strategy: str, steps: int) -> None:
    made: Strategy = strategies.build(strategy)
    outcomes = []
    for last_batch in ("drop", "keep"):
        context = small_context(steps)
        training = replace(context.training, batch_size=30, last_batch=last_batch)  # no whole number of passes
        assert len(context.train_images) % 30
        outcomes.append(Outcome.of(made, replace(context, training=training)))
    dropped, kept = outcomes
    assert kept.forwards == dropped.forwards
    assert kept.losses == dropped.losses
    assert (kept.negative_loss == dropped.negative_loss).all()
