"""Which training images train the supernet and which score it: index lists, never copies of images.

Three origins, each stated in the provenance: the benchmark's own 25,000/25,000 split of CIFAR-10 (derived: the
benchmark's ``generate_meta_info`` shuffles the 50,000 positions with Python's generator seeded by 1021 and takes
halves; D-X-Y/AutoDL-Projects, exps/NAS-Bench-201/main.py), a file, or a seeded split of our own.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.system.reading import read_json, why

BENCHMARK_IMAGES = 50_000
_BENCHMARK_SEED = 1021
_BENCHMARK_DIGEST = "62dcf5d93047a0c7d8f4041df73532ffdd3c163c5eba6d6f59c7ae1218774444"

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Split:
    """Disjoint lists of positions, each sorted (int64), and where they come from (JSON: kind, sizes, sha256, ...)."""

    parts: tuple[IntArray, ...]
    provenance: dict[str, Any]


def benchmark_split() -> Split:
    """NAS-Bench-201's own split of CIFAR-10's training images: (train, valid), 25,000 each."""
    positions = list(range(BENCHMARK_IMAGES))
    random.Random(_BENCHMARK_SEED).shuffle(positions)
    half = BENCHMARK_IMAGES // 2
    split = _split([sorted(positions[:half]), sorted(positions[half:])], {"kind": "nas-bench-201"})
    if split.provenance["sha256"] != _BENCHMARK_DIGEST:
        raise DataError(
            "this Python shuffles differently from the one that made NAS-Bench-201's split; name a split file instead"
        )
    return split


def seeded_split(n_images: int, sizes: Sequence[int], seed: int) -> Split:
    """Disjoint random parts of the given sizes out of ``n_images``, drawn with NumPy's generator from ``seed``."""
    if min(sizes) < 1 or sum(sizes) > n_images:
        raise UsageError(
            f"cannot draw parts of {', '.join(map(str, sizes))} from {n_images} images; "
            f"choose sizes of at least 1 whose sum is at most {n_images}"
        )
    order = np.random.default_rng(seed).permutation(n_images)
    parts = [np.sort(part) for part in np.split(order, np.cumsum(sizes))[: len(sizes)]]
    return _split(parts, {"kind": "seeded", "seed": seed})


def split_from_file(path: Path, n_images: int) -> Split:
    """The (train, valid) lists of a JSON file ``{"train": [...], "valid": [...]}``.

    The benchmark's own ``cifar-split.txt``, whose lists stand as ``["int", ["0", "5", ...]]``, is read too.
    ``DataError`` when a position is no integer of 0..n_images-1, stands twice, or stands in both lists.
    """
    try:
        content = read_json(path)
    except OSError as error:
        raise DataError(f"cannot read the split file {path}: {why(error)}; check the path") from error
    except ValueError as error:
        raise DataError(f"split file {path} is not JSON ({why(error)}); fetch or export it again") from error
    if not isinstance(content, dict) or not {"train", "valid"} <= set(content):
        raise DataError(f"split file {path}: expected an object with lists 'train' and 'valid'; add what is missing")
    parts = [_positions(content[key], key, path, n_images) for key in ("train", "valid")]
    common = np.intersect1d(parts[0], parts[1])
    if len(common):
        raise DataError(
            f"split file {path}: image {common[0]} is in both 'train' and 'valid' ({len(common)} such); "
            "an image may be in one only"
        )
    return _split(parts, {"kind": "file", "file": path.name})


def _positions(value: object, key: str, path: Path, n_images: int) -> IntArray:
    if isinstance(value, list) and len(value) == 2 and value[0] == "int" and isinstance(value[1], list):
        value = [int(v) if isinstance(v, str) and v.isascii() and v.isdigit() and len(v) < 10 else v for v in value[1]]
    if not isinstance(value, list) or not value:
        raise DataError(f"split file {path}: '{key}' is not a list of positions; expected [0, 5, 7, ...]")
    for position in value:
        if isinstance(position, bool) or not isinstance(position, int) or not 0 <= position < n_images:
            raise DataError(f"split file {path}: '{key}' holds {position!r}; expected integers of 0..{n_images - 1}")
    found, counts = np.unique(np.array(value, dtype=np.int64), return_counts=True)
    if counts.max() > 1:
        raise DataError(f"split file {path}: '{key}' holds image {found[counts.argmax()]} twice; keep it once")
    return found


def _split(parts: Sequence[Sequence[int] | IntArray], origin: dict[str, Any]) -> Split:
    arrays = tuple(np.asarray(part, dtype=np.int64) for part in parts)
    digest = hashlib.sha256(np.concatenate(arrays).astype("<i8").tobytes()).hexdigest()
    return Split(arrays, {**origin, "sizes": [len(part) for part in arrays], "sha256": digest})
