"""Tiny files in the official layouts of CIFAR-10, with their own sizes and checksums."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from nasbench_harness.images.cifar10 import OFFICIAL, RECORD, Layout

RECORDS = 6


@dataclass(frozen=True)
class TinyCifar:
    folder: Path  # holds both layouts
    binary: Path
    python: Path
    layout: Layout
    images: npt.NDArray[np.uint8]  # [36, 3, 32, 32], official order
    labels: npt.NDArray[np.int64]


@pytest.fixture
def tiny(tmp_path: Path) -> TinyCifar:
    rng = np.random.default_rng(11)
    binary, python = tmp_path / "cifar-10-batches-bin", tmp_path / "cifar-10-batches-py"
    binary.mkdir()
    python.mkdir()
    sums, images, labels = {}, [], []
    for name in OFFICIAL.sha256:
        records = rng.integers(0, 256, (RECORDS, RECORD), dtype=np.uint8)
        records[:, 0] %= 10
        (binary / f"{name}.bin").write_bytes(records.tobytes())
        batch = {b"data": records[:, 1:].copy(), b"labels": records[:, 0].tolist(), b"filenames": [b"x.png"] * RECORDS}
        (python / name).write_bytes(pickle.dumps(batch, protocol=2))
        sums[name] = hashlib.sha256(records.tobytes()).hexdigest()
        images.append(records[:, 1:].reshape(RECORDS, 3, 32, 32))
        labels.append(records[:, 0].astype(np.int64))
    layout = Layout(RECORDS, sums)
    return TinyCifar(tmp_path, binary, python, layout, np.concatenate(images), np.concatenate(labels))
