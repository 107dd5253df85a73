"""What a strategy refuses is known before the units before it have trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch

from nasbench_harness.errors import UsageError
from nasbench_harness.strategies import Context, Scorer, Strategy, strategies
from nasbench_harness.strategies.rehearsal import rehearse
from nasbench_harness.training.trainer import StageRun

OPTIONS: dict[str, dict[str, Any]] = {
    "close": {},
    "ensemble": {},
    "few-shot": {"partitioner": "single-edge", "parent_fraction": 0.5},
    "hep-rank": {},
    "hep-search": {},
    "hm-nas": {},
    "one-shot": {},
    "pad-nas": {"cost": "flops", "window": [20, 60]},
    "smd-without-split": {},
    "tree-few-shot": {},
}
Make = Callable[..., Context]


@pytest.mark.parametrize("kind", OPTIONS)
def test_no_kind_of_strategy_needs_training_to_refuse_a_budget(
    kind: str, small_context: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: StageRun, step: int) -> None:
        raise AssertionError("a step was trained")

    monkeypatch.setattr(StageRun, "step", refuse)
    with pytest.raises(UsageError, match=r"budget"):
        rehearse(strategies.build({"name": kind, **OPTIONS[kind]}), small_context(0.5))
    enough = small_context(1_000_000)
    before = torch.random.get_rng_state()
    rehearse(strategies.build({"name": kind, **OPTIONS[kind]}), enough)
    assert (enough.budget.used, enough.budget.forwards) == (0, 0)
    assert torch.equal(before, torch.random.get_rng_state())


@dataclass(frozen=True)
class Broken(Strategy):
    can_be_rehearsed: ClassVar[bool] = True

    def train(self, context: Context) -> Scorer:
        raise ZeroDivisionError


@dataclass(frozen=True)
class OfAPlugin(Strategy):
    def train(self, context: Context) -> Scorer:
        pytest.fail("may do anything, and has not said that it can be begun twice")


@pytest.mark.parametrize("strategy", [Broken(), OfAPlugin()])
def test_a_fault_waits_for_its_turn_and_so_does_what_may_do_anything(strategy: Strategy, small_context: Make) -> None:
    rehearse(strategy, small_context(5))
