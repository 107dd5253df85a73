"""Runs of many units: what a shard reads at its end, and what reading later gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import nasbench_harness as nh
from nasbench_harness import runner
from nasbench_harness.api import runs
from nasbench_harness.records import Record, read_run, write_record
from nasbench_harness.records.light import light

Share = Callable[[int], nh.Run]


@pytest.fixture
def share(fake: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Share:
    """Runs one of two shards of an experiment of four units, in a folder that is the test's."""
    monkeypatch.setattr(runs, "MOST_READ_BY_SHARDS", 3)
    described = nh.load_experiment("quickstart", {"seeds": [0, 1], "strategies": {"a": ONE, "b": ONE}})

    def stored(*given: Any, **_: Any) -> list[Record]:
        done = [fake.make_record("ab"[at // 2], at % 2) for at in given[11].of(range(4))]
        for record in done:
            write_record(tmp_path, record, fake.make_scores(record))
        return [light(record) for record in done]

    monkeypatch.setattr(runner, "run_experiment", stored)
    return lambda number: nh.run_experiment(described, tmp_path, shard=f"{number}/2", progress=None)


ONE = {"kind": "one-shot"}


def test_a_shard_of_a_large_run_leaves_the_leaderboard_of_all_to_the_last(share: Share, tmp_path: Path) -> None:
    first = share(1)
    assert [row.seeds for row in first.leaderboard().rows] == [(0,), (0,)]
    assert not (tmp_path / "leaderboard.json").exists()
    last = share(2)
    assert [row.seeds for row in last.leaderboard().rows] == [(0, 1), (0, 1)]
    assert json.loads((tmp_path / "leaderboard.json").read_text()) == last.leaderboard().to_json()


def test_records_of_a_run_are_read_when_they_are_asked_for(share: Share, tmp_path: Path) -> None:
    run = share(1)
    assert "records" not in vars(run)
    assert run.records == read_run(tmp_path).records
    assert run.of("a")[0].training, "whole records"
    assert run.strategies == ("a", "b")
    assert run.leaderboard("accuracy").rows[0].signal == "accuracy"
