"""A sweep: which settings vary, in which order its points stand, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nasbench_harness.errors import UsageError
from nasbench_harness.evidence.protocol import value_text
from nasbench_harness.evidence.sweep import run_folders, sweep_of
from nasbench_harness.records import read_run

IMAGES = {"name": "cifar10", "size": 16}


def point(fake: Any, folder: Path, strategies: dict[str, list[float]] | None = None, **sections: Any) -> Path:
    """A run on disk: one strategy with two seeds, unless others are named."""
    written: Path = fake.write_run(folder, strategies or {"one": [0.4, 0.5]}, images=IMAGES, **sections)
    return written


@pytest.fixture
def grid(fake: Any, tmp_path: Path) -> Path:
    """Three points in a folder, the deepest first by name."""
    point(fake, tmp_path / "grid" / "a", network={"cells": 10, "channels": 5})
    point(fake, tmp_path / "grid" / "b", network={"cells": 2, "channels": 8})
    point(fake, tmp_path / "grid" / "c", network={"cells": 2, "channels": 5})
    return tmp_path / "grid"


def test_settings_that_vary_are_found_and_points_stand_in_their_order(grid: Path) -> None:
    sweep = sweep_of([read_run(folder) for folder in run_folders(grid)])
    assert sweep.varied == ("network.cells", "network.channels")
    assert sweep.titles == ("cells", "channels")
    assert [one.values for one in sweep.points] == [(2, 5), (2, 8), (10, 5)]  # numbers as numbers, not 10 before 2
    assert [one.run.folder.name for one in sweep.points] == ["c", "b", "a"]
    assert sweep.labels[0] == "cells 2, channels 5"
    assert [len(one.records) for one in sweep.points] == [2, 2, 2]


def test_a_setting_that_a_record_is_older_than_has_the_value_that_it_had_then(fake: Any, tmp_path: Path) -> None:
    old = point(fake, tmp_path / "old", training={"batch_size": 64})
    new = point(fake, tmp_path / "new", training={"batch_size": 64, "unsampled_weights": "decay"})
    sweep = sweep_of([read_run(new), read_run(old)])
    assert sweep.varied == ("training.unsampled_weights",)
    assert [one.values for one in sweep.points] == [("decay",), ("freeze",)]
    assert sweep.labels == ("decay", "freeze")


def test_strategies_vary_by_name_and_options_of_one_by_theirs(fake: Any, tmp_path: Path) -> None:
    both = read_run(point(fake, tmp_path / "both", {"one": [0.4], "two": [0.5]}))
    assert [one.values for one in sweep_of([both]).points] == [("one",), ("two",)]
    option = {"name": "one", "kind": "one-shot", "sampler": {"name": "fair"}}
    other = read_run(point(fake, tmp_path / "other", strategy=option))
    plain = read_run(point(fake, tmp_path / "plain"))
    sweep = sweep_of([other, plain])
    assert sweep.varied == ("strategy.sampler.name",)
    assert [one.values for one in sweep.points] == [("fair",), (None,)]


def test_how_a_network_is_looked_at_is_no_setting(fake: Any, tmp_path: Path) -> None:
    looked = {"images": 500, "signal": "accuracy", "trajectory": {"points": [0.5, 1.0]}}
    one = read_run(point(fake, tmp_path / "one", scoring=looked, network={"cells": 1}))
    two = read_run(point(fake, tmp_path / "two", scoring={"images": 500, "signal": "loss"}, network={"cells": 2}))
    assert sweep_of([one, two]).varied == ("scoring.signal", "network.cells")
    assert sweep_of([one, two], "accuracy").varied == ("network.cells",)


def test_sections_stand_before_settings_of_the_same_name(fake: Any, tmp_path: Path) -> None:
    one = read_run(point(fake, tmp_path / "one", scoring={"batch_size": 100}))
    two = read_run(point(fake, tmp_path / "two", scoring={"batch_size": 500}, training={"batch_size": 32}))
    assert {"training.batch_size", "scoring.batch_size"} <= set(sweep_of([one, two]).titles)


def test_a_folder_without_runs_is_left_to_its_reader(tmp_path: Path, grid: Path) -> None:
    assert run_folders(tmp_path / "nowhere") == [tmp_path / "nowhere"]
    assert run_folders(tmp_path) == [tmp_path]
    assert run_folders(grid / "a") == [grid / "a"]
    (grid / "notes").mkdir()
    assert [folder.name for folder in run_folders(grid)] == ["a", "b", "c"]


def test_what_is_no_sweep_is_refused(fake: Any, grid: Path, tmp_path: Path) -> None:
    first = read_run(grid / "a")
    with pytest.raises(UsageError, match="no setting differs; a sweep is of several protocols"):
        sweep_of([first])
    again = read_run(point(fake, tmp_path / "again", network={"cells": 10, "channels": 5}))
    with pytest.raises(UsageError, match=r"one has the same settings in both; .*leaderboard --and"):
        sweep_of([first, again, read_run(grid / "b")])
    truth = {**first.records[0].truth, "policy": "cifar100_test_200"}
    for record in again.records:
        object.__setattr__(record, "truth", truth)
    with pytest.raises(UsageError, match=r"truth policy cifar10_test_200, .* by cifar100_test_200; judge all by one"):
        sweep_of([first, again])


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "none"), (True, "yes"), (False, "no"), (180.0, "180"), (5e-4, "0.0005"), ([1, None], "1 none"), ("a", "a")],
)
def test_values_as_a_table_shows_them(value: Any, text: str) -> None:
    assert value_text(value) == text
