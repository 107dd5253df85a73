"""Index lists: the benchmark's split, files, seeds, and their faults."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.images.splits import benchmark_split, seeded_split, split_from_file


def test_the_benchmark_split_has_the_positions_that_the_benchmark_itself_asserts() -> None:
    train, valid = benchmark_split().parts
    assert [train[i] for i in (0, 10, 111)] == [0, 26, 203]
    assert [valid[i] for i in (0, 10, 111)] == [1, 18, 242]
    np.testing.assert_array_equal(np.sort(np.concatenate([train, valid])), np.arange(50_000))


def test_the_benchmark_split_equals_the_published_file(shared_data: Path) -> None:
    derived = benchmark_split()
    read = split_from_file(shared_data / "nas-bench-201" / "cifar10_split.json", 50_000)
    assert read.provenance["sha256"] == derived.provenance["sha256"]
    assert (read.provenance["kind"], derived.provenance["kind"]) == ("file", "nas-bench-201")


def _file(tmp_path: Path, content: object) -> Path:
    path = tmp_path / "split.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_both_file_shapes_say_the_same(tmp_path: Path) -> None:
    plain = split_from_file(_file(tmp_path, {"train": [4, 0], "valid": [3]}), 5)
    official = split_from_file(_file(tmp_path, {"train": ["int", ["0", "4"]], "valid": ["int", ["3"]]}), 5)
    for split in (plain, official):
        assert [part.tolist() for part in split.parts] == [[0, 4], [3]]
        assert split.provenance["sizes"] == [2, 1]
        assert split.provenance["file"] == "split.json"
    assert plain.provenance["sha256"] == official.provenance["sha256"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is not JSON"),
        ([1, 2], "expected an object with lists 'train' and 'valid'"),
        ({"train": [1]}, "expected an object with lists 'train' and 'valid'"),
        ({"train": [], "valid": [1]}, "'train' is not a list of positions"),
        ({"train": 3, "valid": [1]}, "'train' is not a list of positions"),
        ({"train": [0], "valid": [5]}, r"'valid' holds 5; expected integers of 0\.\.4"),
        ({"train": [-1], "valid": [1]}, "'train' holds -1"),
        ({"train": [1.0], "valid": [2]}, "'train' holds 1.0"),
        ({"train": [True], "valid": [2]}, "'train' holds True"),
        ({"train": ["1"], "valid": [2]}, "'train' holds '1'"),
        ({"train": ["int", ["x"]], "valid": [2]}, "'train' holds 'x'"),
        ({"train": [1, 2, 1], "valid": [3]}, "'train' holds image 1 twice"),
        ({"train": [1, 2], "valid": [3, 2]}, r"image 2 is in both 'train' and 'valid' \(1 such\)"),
    ],
)
def test_faults_of_a_split_file(tmp_path: Path, content: object, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        split_from_file(_file(tmp_path, content), 5)
    assert "split.json" in str(caught.value)


def test_an_absent_split_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read the split file .*absent"):
        split_from_file(tmp_path / "absent", 5)


@given(sizes=st.lists(st.integers(1, 20), min_size=1, max_size=4), spare=st.integers(0, 10), seed=st.integers(0, 9999))
def test_seeded_parts_are_disjoint_sorted_and_of_their_size(sizes: list[int], spare: int, seed: int) -> None:
    split = seeded_split(sum(sizes) + spare, sizes, seed)
    assert [len(part) for part in split.parts] == sizes == split.provenance["sizes"]
    together = np.concatenate(split.parts)
    assert len(np.unique(together)) == len(together)
    assert together.min() >= 0
    assert together.max() < sum(sizes) + spare
    assert all((np.diff(part) > 0).all() for part in split.parts)
    assert split.provenance["seed"] == seed
    assert split.provenance["sha256"] == seeded_split(sum(sizes) + spare, sizes, seed).provenance["sha256"]


def test_another_seed_is_another_split() -> None:
    assert seeded_split(100, [50, 50], 0).provenance["sha256"] != seeded_split(100, [50, 50], 1).provenance["sha256"]


@pytest.mark.parametrize("sizes", [[3, 3], [0, 2]])
def test_impossible_sizes(sizes: list[int]) -> None:
    with pytest.raises(UsageError, match="cannot draw parts of"):
        seeded_split(5, sizes, 0)
