"""The budget's meter."""

from __future__ import annotations

import pytest

from nasbench_harness.errors import RunError
from nasbench_harness.training.budget import Budget


def test_spending_up_to_the_plan() -> None:
    budget = Budget(100)
    assert budget.used == 0
    budget.spend(60)
    budget.spend(40)
    assert budget.used == 100


def test_spending_more_is_an_error_that_gives_both_numbers() -> None:
    budget = Budget(1000)
    budget.spend(1000)
    with pytest.raises(RunError, match=r"1,000.*1,001") as raised:
        budget.spend(1)
    assert "\n" not in str(raised.value)
