"""CIFAR-10 from its official files: binary (``data_batch_1.bin``) or python (``data_batch_1``), checked by SHA-256.

A record is 3,073 bytes: one label, then 1,024 bytes each of red, green and blue, row by row. The python batches hold
the same bytes in another wrapping, so both layouts are checked against the digests of the binary files.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError
from nasbench_harness.images.resize import block_factor, block_mean
from nasbench_harness.images.unpickle import read_batch

SIDE = 32
RECORD = 1 + 3 * SIDE * SIDE
BINARY, PYTHON = "cifar-10-batches-bin", "cifar-10-batches-py"
_REMEDY = "unpack the official archive (cifar-10-binary.tar.gz or cifar-10-python.tar.gz) again"

PixelArray = npt.NDArray[np.uint8]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Layout:
    """What the six files must be: records in each, and the SHA-256 of the records of each, training files first."""

    records: int
    sha256: Mapping[str, str]

    @property
    def n_train(self) -> int:
        return self.records * (len(self.sha256) - 1)


OFFICIAL = Layout(
    10_000,
    {
        "data_batch_1": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
        "data_batch_2": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
        "data_batch_3": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
        "data_batch_4": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
        "data_batch_5": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
        "test_batch": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
    },
)


@dataclass(frozen=True, eq=False)
class Cifar10Files:
    """All images in the official order (training, then test): uint8 ``[N, 3, S, S]``, labels int64 ``[N]``."""

    images: PixelArray
    labels: IntArray
    n_train: int
    kind: str


def read_cifar10(folder: Path, size: int | None = None, layout: Layout = OFFICIAL) -> Cifar10Files:
    """Read and check the six files under ``folder`` (or in its official subfolder), shrunk to ``size`` x ``size``.

    Raises ``DataError`` naming the file, what was expected and what was found; ``UsageError`` when ``size`` does not
    divide 32.
    """
    factor = block_factor(SIDE, size)
    kind, read, paths = _find(folder, layout)
    side, count = SIDE // factor, layout.records
    images = np.empty((count * len(paths), 3, side, side), dtype=np.uint8)
    labels = np.empty(count * len(paths), dtype=np.int64)
    for part, (name, path) in enumerate(paths.items()):
        records = read(path, count)
        found = hashlib.sha256(records.data).hexdigest()
        if found != layout.sha256[name]:
            raise DataError(
                f"{path} is not the official file: expected SHA-256 {layout.sha256[name]} of its records, "
                f"found {found}; {_REMEDY}"
            )
        rows = slice(part * count, (part + 1) * count)
        labels[rows] = records[:, 0]
        images[rows] = block_mean(records[:, 1:].reshape(count, 3, SIDE, SIDE), factor)
    return Cifar10Files(images, labels, layout.n_train, kind)


def _find(folder: Path, layout: Layout) -> tuple[str, Callable[[Path, int], PixelArray], dict[str, Path]]:
    """The layout that is there, its reader, and its six files."""
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise DataError(f"image folder {folder} {what}; give the folder that holds {BINARY} or {PYTHON}")
    for kind, subfolder, suffix, read in (
        ("cifar-10 binary", BINARY, ".bin", _read_binary),
        ("cifar-10 python", PYTHON, "", _read_python),
    ):
        for place in (folder / subfolder, folder):
            paths = {name: place / f"{name}{suffix}" for name in layout.sha256}
            absent = [path.name for path in paths.values() if not path.is_file()]
            if not absent:
                return kind, read, paths
            if len(absent) < len(paths) or (place.name == subfolder and place.is_dir()):
                raise DataError(f"{place} lacks {', '.join(absent)}; {_REMEDY}")
    raise DataError(f"no CIFAR-10 in {folder}; give the folder that holds {BINARY} or {PYTHON}, unpacked")


def _read_binary(path: Path, records: int) -> PixelArray:
    size, expected = os.path.getsize(path), records * RECORD
    if size != expected:
        raise DataError(f"{path} has {size:,} bytes, expected {expected:,}; {_REMEDY}")
    try:
        return np.fromfile(path, dtype=np.uint8).reshape(records, RECORD)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}; check its permissions") from error


def _read_python(path: Path, records: int) -> PixelArray:
    size, limit = os.path.getsize(path), 2 * records * RECORD + 100_000  # a copy saved by Python 3 takes 1.5 times
    if size > limit:
        raise DataError(f"{path} has {size:,} bytes, more than any CIFAR-10 python batch ({limit:,}); {_REMEDY}")
    batch = read_batch(path)
    pixels, labels = batch.get(b"data"), batch.get(b"labels")
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.shape != (records, RECORD - 1):
        raise DataError(f"{path}: 'data' is not a uint8 array [{records}, {RECORD - 1}]; {_REMEDY}")
    if (
        not isinstance(labels, list)
        or len(labels) != records
        or not all(isinstance(label, int) and 0 <= label <= 9 for label in labels)
    ):
        raise DataError(f"{path}: 'labels' is not a list of {records} integers of 0..9; {_REMEDY}")
    batch_NR = np.empty((records, RECORD), dtype=np.uint8)
    batch_NR[:, 0], batch_NR[:, 1:] = labels, pixels
    return batch_NR
