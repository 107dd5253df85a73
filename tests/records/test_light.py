"""Light records: what a table shows is as it was, in a fraction of the memory."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from nasbench_harness.errors import DataError
from nasbench_harness.records import read_run, write_record
from nasbench_harness.records.light import light
from nasbench_harness.report import leaderboard

LEFT_OUT = {"training", "top_k_curve", "leaves", "analysis", "digests"}


def test_what_is_not_left_out_is_as_it_was(fake: Any) -> None:
    record = fake.make_record()
    slim = light(record)
    kept = {one.name for one in fields(record)} - LEFT_OUT
    assert all(getattr(slim, name) == getattr(record, name) for name in kept)
    assert slim.analysis == {**record.analysis, "leaves": {}}
    assert not any((slim.training, slim.top_k_curve, slim.leaves))


def test_what_records_share_is_kept_once_and_what_differs_is_not(fake: Any) -> None:
    first, second = light(fake.make_record(seed=0)), fake.make_record("single-edge", seed=1, noise=0.1)
    slim = light(second, first)
    assert slim == light(second)
    assert slim.references is first.references
    assert slim.truth is first.truth
    assert slim.experiment["strategy"] == "single-edge"
    assert slim.metrics != first.metrics
    assert next(iter(slim.metrics["accuracy"])) is next(iter(first.metrics["accuracy"]))


@pytest.fixture
def run_dir(fake: Any, tmp_path: Path) -> Path:
    for strategy in ("one-shot", "single-edge"):
        for seed in range(3):
            record = fake.make_record(strategy, seed, noise=0.2 if strategy == "one-shot" else 0.5)
            write_record(tmp_path, record, fake.make_scores(record))
    return tmp_path


def test_a_leaderboard_of_light_records_is_that_of_whole_ones(run_dir: Path) -> None:
    slim = read_run(run_dir, curves=False)
    assert not any(record.training for record in slim.records)
    assert leaderboard(slim).to_json() == leaderboard(read_run(run_dir)).to_json()


def test_light_records_are_checked_as_whole_ones(run_dir: Path) -> None:
    path = run_dir / "one-shot" / "seed-1" / "record.json"
    path.write_text(path.read_text().replace("0.", "1.", 1))
    with pytest.raises(DataError, match="not what was written"):
        read_run(run_dir, curves=False)


def test_records_at_hand_are_not_read_again(run_dir: Path) -> None:
    known = read_run(run_dir, curves=False).records
    whole = leaderboard(read_run(run_dir)).to_json()
    (run_dir / "one-shot" / "seed-1" / "record.json").write_text("{")
    assert leaderboard(read_run(run_dir, curves=False, known=known)).to_json() == whole
