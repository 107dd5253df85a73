"""The loss that training ends with, against tau: by hand, and of stored records."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import end_loss
import pytest

from nasbench_harness.errors import DataError
from nasbench_harness.records import write_record
from tests.fake_records import make_record, make_scores

RESULTS = Path(__file__).resolve().parents[2] / "results"


def record(folder: Path, seed: int, losses: list[float], tau: float, curves: int = 1) -> None:
    like = make_record(seed=seed)
    curve = {"updates": [10 * (step + 1) for step in range(len(losses))], "loss": losses}
    metrics = {name: {**column, "kendall_tau": tau} for name, column in like.metrics.items()}
    made = replace(like, training={**like.training, "loss": [curve] * curves}, metrics=metrics)
    write_record(folder, made, make_scores(made))


def test_the_last_tenth_by_hand() -> None:
    # 100 steps: the last tenth is 90 to 100, of which a stretch of 95 to 100 is half
    assert end_loss.end_loss({"updates": [50, 95, 100], "loss": [3.0, 2.0, 1.0]}) == pytest.approx(1.5)
    assert end_loss.end_loss({"updates": [50, 99, 100], "loss": [3.0, 2.0, 7.0]}) == pytest.approx(2.5)
    assert end_loss.end_loss({"updates": [100], "loss": [3.0]}) == 3.0


def test_the_largest_rise_by_hand() -> None:
    steps = [10, 20, 30, 40, 42]
    assert end_loss.largest_rise({"updates": steps, "loss": [3.0, 2.0, 2.5, 2.25, 9.0]}) == 0.5  # 9.0 is of two steps
    assert end_loss.largest_rise({"updates": steps[:3], "loss": [3.0, 2.0, 1.0]}) == 0.0
    assert end_loss.largest_rise({"updates": [10], "loss": [3.0]}) == 0.0


def test_low_losses_come_first_and_units_of_several_networks_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record(tmp_path, 0, [2.0, 1.3], 0.5)
    record(tmp_path, 1, [2.0, 1.2], 0.6)
    record(tmp_path, 2, [2.0, 1.1], 0.7)
    record(tmp_path, 3, [2.0, 1.0], 0.1, curves=2)
    monkeypatch.setattr(sys, "argv", ["end_loss.py", str(tmp_path)])
    end_loss.main()
    said = capsys.readouterr().out
    assert [line.rsplit("-", 1)[-1] for line in said.splitlines()[1:4]] == ["2", "1", "0"]
    assert "tau by accuracy: 1.00 (n = 3)" in said


def test_fewer_than_three_units_are_refused(tmp_path: Path) -> None:
    record(tmp_path, 0, [1.0], 0.5)
    with pytest.raises(DataError, match="found 1 units of one network; at least 3"):
        end_loss.rows_in([str(tmp_path)])


def test_deep_narrow_networks_that_are_stored_rank_as_their_loss_says() -> None:
    rows = end_loss.rows_in([str(RESULTS / "cifar10-study")], "one-shot-balanced")
    assert [row["accuracy"] for row in rows] == sorted((row["accuracy"] for row in rows), reverse=True)
