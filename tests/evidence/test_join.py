"""Runs of one protocol become one; what differs is named field by field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nasbench_harness.errors import UsageError
from nasbench_harness.evidence.join import join
from nasbench_harness.evidence.pairs import pair_up, side_of
from nasbench_harness.records import Record, Run
from nasbench_harness.report import leaderboard


def record(fake: Any, strategy: str, seed: int, option: float = 0.5, **training: Any) -> Record:
    experiment = {
        "name": "fake",
        "strategy": {"name": strategy, "share": option},
        "seed": seed,
        "training": {"rate": 0.1, "batch_size": 64} | training,
    }
    made: Record = fake.make_record(strategy, seed, experiment=experiment)
    return made


def run(folder: str, *records: Record) -> Run:
    return Run(Path(folder), records)


def test_seeds_and_strategies_of_two_folders_stand_in_one_table(fake: Any) -> None:
    here = run("here", record(fake, "one-shot", 0), record(fake, "one-shot", 2))
    there = run("there", record(fake, "efs", 0), record(fake, "one-shot", 1), record(fake, "one-shot", 2))
    joined = join([here, there])
    assert [(one.strategy, one.seed) for one in joined.records] == [("efs", 0), *(("one-shot", n) for n in (0, 1, 2))]
    assert joined.folder == Path("here")
    [one_shot] = [row for row in leaderboard(joined).rows if row.name == "one-shot"]
    assert one_shot.seeds == (0, 1, 2)
    assert join([here]) == here


def test_every_field_of_the_protocol_that_differs_is_named(fake: Any) -> None:
    here, there = run("here", record(fake, "a", 0)), run("there", record(fake, "a", 1, rate=0.2, batch_size=8))
    with pytest.raises(UsageError, match="there is of another protocol than here") as raised:
        join([here, there])
    assert "training.batch_size: 8, there 64; training.rate: 0.2, there 0.1" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_another_truth_is_another_protocol(fake: Any) -> None:
    one = record(fake, "a", 0)
    other = fake.make_record("a", 1, experiment=one.experiment | {"seed": 1}, truth=one.truth | {"policy": "x_test_9"})
    with pytest.raises(UsageError, match="truth policy: 'x_test_9', there 'cifar10_test_200'"):
        join([run("here", one), run("there", other)])


def test_one_name_means_one_thing(fake: Any) -> None:
    with pytest.raises(UsageError, match=r"strategy a has other options in there than in here \(strategy.share: 0.9"):
        join([run("here", record(fake, "a", 0)), run("there", record(fake, "a", 1, 0.9))])


def test_a_seed_counts_once(fake: Any) -> None:
    one = record(fake, "a", 0)
    other = fake.make_record("a", 0, noise=0.9, experiment=one.experiment)
    with pytest.raises(UsageError, match="there and here both hold a, seed 0, with other numbers"):
        join([run("here", one), run("there", other)])


def test_a_comparison_of_two_machines_carries_the_warning(fake: Any) -> None:
    def on(threads: int, seed: int) -> Record:
        made: Record = fake.make_record("a", seed, environment={"threads": threads})
        return made

    [[pair], _] = pair_up(
        side_of(run("here", on(1, 0)), "kendall_tau", None), side_of(run("there", on(2, 0)), "kendall_tau", None)
    )
    assert any("warning: the records differ" in note and "threads 1, 2" in note for note in pair.notes)
