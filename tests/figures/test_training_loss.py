"""The figure of training losses: stages one after the other, what is left over left out, and nothing without losses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nasbench_harness.figures import draw_run, training_loss
from nasbench_harness.figures.caption import CannotDrawError
from nasbench_harness.figures.sheet import Sheet
from nasbench_harness.records import Run

PARENT = {"stage": "parent", "updates": [10, 20, 30, 32], "loss": [3.0, 2.0, 1.5, 9.0]}
LEAF = {"stage": "leaf 1/1: all", "updates": [5, 10], "loss": [1.75, 1.25]}


def with_losses(fake: Any, name: str, seed: int, *curves: dict[str, object]) -> Any:
    return fake.make_record(name, seed, training={"loss": list(curves), "details": {}})


def test_stages_follow_one_another_and_a_short_stretch_is_left_out(fake: Any) -> None:
    first, second = training_loss.course(with_losses(fake, "one", 0, PARENT, LEAF))
    np.testing.assert_array_equal(first, [[10, 20, 30], [3.0, 2.0, 1.5]])
    np.testing.assert_array_equal(second, [[37, 42], [1.75, 1.25]])


def test_a_line_a_seed_and_stage_with_one_label_a_strategy(
    fake: Any, sheet_of: Callable[..., Sheet], tmp_path: Path
) -> None:
    records = (
        with_losses(fake, "one-shot-balanced", 0, PARENT),
        with_losses(fake, "one-shot-balanced", 1, PARENT),
        with_losses(fake, "single-edge", 0, PARENT, LEAF),
        with_losses(fake, "without", 0),
    )
    drawn = training_loss.draw(sheet_of(Run(tmp_path, records)))
    [axis] = drawn.figure.axes
    assert len(axis.lines) == 4
    assert [text.get_text() for text in drawn.figure.legends[0].get_texts()] == [
        label for label in (line.get_label() for line in axis.lines) if label and not label.startswith("_")
    ]
    assert axis.get_xlim() == (0, 42)
    low, high = axis.get_ylim()
    assert low < 1.25
    assert high > 3.0
    assert "Shown: 2 of 3 strategies" in drawn.caption


def test_without_losses_it_is_skipped_with_the_reason(
    fake: Any, sheet_of: Callable[..., Sheet], tmp_path: Path
) -> None:
    run = Run(tmp_path, (with_losses(fake, "one", 0),))
    with pytest.raises(CannotDrawError, match="no record has a curve of training losses"):
        training_loss.draw(sheet_of(run))
    assert draw_run(run).skipped["training_loss"] == "no record has a curve of training losses"
