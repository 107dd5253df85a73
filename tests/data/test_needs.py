"""A run finds its data: given paths first, then the package's own, then the cache, then the network."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import nasbench_harness
from nasbench_harness.data import default_truth, resolve
from nasbench_harness.errors import DataError
from nasbench_harness.space import N_ARCHITECTURES
from nasbench_harness.truth import TruthTable, benchmark_index, benchmark_order


def experiment(images: str, policy: str) -> Any:
    return SimpleNamespace(images=SimpleNamespace(name=images), truth=SimpleNamespace(policy=policy))


def fill(cache: Path, *names: str) -> None:
    cache.mkdir(exist_ok=True)
    for name in names:
        if name.endswith(".npz"):
            values = np.arange(N_ARCHITECTURES) / N_ARCHITECTURES * 90
            TruthTable("nas-bench-201", {"cifar10_test_200": values}, benchmark_index(), {}).save(cache / name)
        else:
            (cache / name).mkdir()


def test_what_ships_with_the_package_needs_nothing(cache: Path) -> None:
    assert resolve(experiment("digits", "digits_test_30")) == (None, None)
    assert resolve(experiment("digits", "latency_of_mine")) == (None, None)
    assert default_truth("digits_test_30") is None


def test_given_paths_are_taken_as_they_are(cache: Path, tmp_path: Path) -> None:
    given = tmp_path / "images", tmp_path / "truth.npz"
    assert resolve(experiment("cifar10", "cifar10_test_200"), *given, fetch=True) == given


@pytest.mark.parametrize("folder", ["cifar-10-batches-bin", "cifar-10-batches-py"])
def test_the_cache_serves_without_a_word(folder: str, cache: Path) -> None:
    fill(cache, folder, "nas-bench-201.npz")
    assert resolve(experiment("cifar10", "cifar10_test_200")) == (cache, cache / "nas-bench-201.npz")


@pytest.mark.parametrize(
    ("here", "missing", "option"),
    [
        (["cifar-10-batches-bin"], "the truth 'cifar10_test_200' is not here", "--truth FILE"),
        (["nas-bench-201.npz"], "the images of cifar10 are not here", "--images DIR"),
    ],
)
def test_what_is_missing_is_told_with_both_remedies(here: list[str], missing: str, option: str, cache: Path) -> None:
    fill(cache, *here)
    with pytest.raises(DataError, match=missing) as caught:
        resolve(experiment("cifar10", "cifar10_test_200"))
    assert "--fetch" in str(caught.value)
    assert option in str(caught.value)


def test_a_column_that_no_fetched_table_has_is_told(cache: Path) -> None:
    with pytest.raises(DataError, match=r"not 'cifar10_valid_200'.*--truth FILE"):
        resolve(experiment("digits", "cifar10_valid_200"), fetch=True)


def test_fetch_brings_exactly_what_is_missing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def brought(names: list[str], progress: object) -> list[Any]:
        asked.extend(names)
        product = {"nas-bench-201-accuracy": "nas-bench-201.npz", "cifar10-binary": "cifar-10-batches-bin"}[names[0]]
        fill(cache, product)
        return [SimpleNamespace(path=cache / product)]

    monkeypatch.setattr("nasbench_harness.data.needs.fetch_entries", brought)
    wanted = experiment("cifar10", "cifar10_test_200")
    assert resolve(wanted, fetch=True) == (cache, cache / "nas-bench-201.npz")
    assert asked == ["nas-bench-201-accuracy", "cifar10-binary"]
    assert resolve(wanted, fetch=True) == (cache, cache / "nas-bench-201.npz")
    assert len(asked) == 2


def test_one_call_gives_the_fetched_truth(cache: Path) -> None:
    with pytest.raises(DataError, match="data fetch nas-bench-201-accuracy"):
        nasbench_harness.truth_vector("cifar10_test_200")
    fill(cache, "nas-bench-201.npz")
    vector = nasbench_harness.truth_vector("cifar10_test_200")
    assert vector.shape == (N_ARCHITECTURES,)
    by_benchmark = nasbench_harness.truth_vector("cifar10_test_200", order="benchmark")
    np.testing.assert_array_equal(by_benchmark, vector[benchmark_order()])
