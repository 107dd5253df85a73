"""Reading the official files of CIFAR-10, in both layouts, whole and damaged."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.images.cifar10 import OFFICIAL, RECORD, Layout, read_cifar10

RECORDS = 6  # in each tiny file


def test_official_sizes() -> None:
    assert OFFICIAL.records * RECORD == 30_730_000
    assert OFFICIAL.n_train == 50_000
    assert list(OFFICIAL.sha256)[-1] == "test_batch"


@pytest.mark.parametrize("place", ["folder", "binary", "python"])
def test_both_layouts_give_the_same_images_in_the_official_order(tiny: Any, place: str) -> None:
    found = read_cifar10(getattr(tiny, place), layout=tiny.layout)
    np.testing.assert_array_equal(found.images, tiny.images)
    np.testing.assert_array_equal(found.labels, tiny.labels)
    assert found.n_train == 5 * RECORDS
    assert found.kind == ("cifar-10 python" if place == "python" else "cifar-10 binary")


def test_images_are_shrunk_while_read(tiny: Any) -> None:
    found = read_cifar10(tiny.binary, 16, tiny.layout).images
    mean = tiny.images.reshape(36, 3, 16, 2, 16, 2).mean(axis=(3, 5))
    np.testing.assert_array_equal(found, np.floor(mean + 0.5))
    with pytest.raises(UsageError, match="image size 15 does not divide 32"):
        read_cifar10(tiny.binary, 15, tiny.layout)


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent does not exist; give the folder that holds cifar-10-batches-bin"):
        read_cifar10(tmp_path / "absent")
    (tmp_path / "archive.tar.gz").write_text("x")
    with pytest.raises(DataError, match="is a file, not a folder"):
        read_cifar10(tmp_path / "archive.tar.gz")
    with pytest.raises(DataError, match="no CIFAR-10 in"):
        read_cifar10(tmp_path)


def test_a_missing_file_is_named(tiny: Any) -> None:
    (tiny.binary / "data_batch_4.bin").unlink()
    for folder in (tiny.folder, tiny.binary):
        with pytest.raises(DataError, match=r"cifar-10-batches-bin lacks data_batch_4\.bin; unpack"):
            read_cifar10(folder, layout=tiny.layout)
    shutil.rmtree(tiny.binary)
    tiny.binary.mkdir()
    with pytest.raises(DataError, match=r"cifar-10-batches-bin lacks data_batch_1\.bin, "):
        read_cifar10(tiny.folder, layout=tiny.layout)


def test_a_wrong_size_is_told_with_both_numbers(tiny: Any) -> None:
    path = tiny.binary / "data_batch_2.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"data_batch_2\.bin has 18,437 bytes, expected 18,438; unpack"):
        read_cifar10(tiny.binary, layout=tiny.layout)


def test_a_wrong_checksum_is_told_with_both_sums(tiny: Any) -> None:
    path = tiny.binary / "test_batch.bin"
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_cifar10(tiny.binary, layout=tiny.layout)
    said = str(caught.value)
    assert "test_batch.bin is not the official file" in said
    assert tiny.layout.sha256["test_batch"] in said
    assert "unpack the official archive" in said


def test_the_python_layout_is_held_to_the_same_checksums(tiny: Any) -> None:
    other = Layout(RECORDS, {**tiny.layout.sha256, "data_batch_3": "0" * 64})
    with pytest.raises(DataError, match="data_batch_3 is not the official file"):
        read_cifar10(tiny.python, layout=other)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({b"data": np.zeros((RECORDS, RECORD - 1), dtype=np.int8)}, "'data' is not a uint8 array"),
        ({b"data": np.zeros((RECORDS - 1, RECORD - 1), dtype=np.uint8)}, "'data' is not a uint8 array"),
        ({b"labels": [0] * (RECORDS - 1)}, "'labels' is not a list of 6 integers"),
        ({b"labels": [10] * RECORDS}, "'labels' is not a list of 6 integers"),
        ({b"filenames": [b"x" * 200_000]}, "more than any CIFAR-10 python batch"),
    ],
)
def test_python_batches_of_the_wrong_shape(tiny: Any, change: dict[bytes, object], said: str) -> None:
    path = tiny.python / "data_batch_1"
    batch = pickle.loads(path.read_bytes(), encoding="bytes")
    path.write_bytes(pickle.dumps({**batch, **change}, protocol=2))
    with pytest.raises(DataError, match=said) as caught:
        read_cifar10(tiny.python, layout=tiny.layout)
    assert "data_batch_1" in str(caught.value)


def test_a_real_batch_has_the_official_checksum(shared_data: Path, tmp_path: Path) -> None:
    """One real file, made from its lossless mosaic in both layouts, under the digest in the code."""
    image = pytest.importorskip("PIL.Image", reason="Pillow unpacks the mosaics")
    source = shared_data / "cifar10"
    mosaic = np.asarray(image.open(source / "data_batch_1.webp").convert("RGB"))
    pixels = mosaic.reshape(100, 32, 100, 32, 3).transpose(0, 2, 4, 1, 3).reshape(10_000, 3072)
    labels = [int(digit) for digit in json.loads((source / "labels.json").read_text())["labels"]["data_batch_1"]]
    layout = Layout(10_000, {"data_batch_1": OFFICIAL.sha256["data_batch_1"]})
    (tmp_path / "data_batch_1.bin").write_bytes(np.column_stack([labels, pixels]).astype(np.uint8).tobytes())
    binary = read_cifar10(tmp_path, layout=layout)
    (tmp_path / "data_batch_1.bin").unlink()
    (tmp_path / "data_batch_1").write_bytes(pickle.dumps({b"data": pixels, b"labels": labels}, protocol=2))
    python = read_cifar10(tmp_path, layout=layout)
    np.testing.assert_array_equal(binary.images, python.images)
    assert binary.labels.tolist() == labels
