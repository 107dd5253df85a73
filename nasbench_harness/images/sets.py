"""From a description of an image set to arrays: what every other step sees of images."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import UsageError
from nasbench_harness.images import cifar10, digits
from nasbench_harness.images.resize import block_factor, block_mean
from nasbench_harness.images.splits import Split, benchmark_split, seeded_split, split_from_file

IMAGE_SETS = ("cifar10", "digits")
DIGITS_SIZES = (600, 597, 600)  # train, valid, test
DIGITS_SPLIT_SEED = 0
PUBLISHED_STATISTICS = {"cifar10": ((125.3, 123.0, 113.9), (63.0, 62.1, 66.7))}
"""Channel means and deviations, of 255, that the NAS-Bench-201 code and the released few-shot codes normalise by."""
_CHUNK = 4096

PixelArray = npt.NDArray[np.uint8]
IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ImageSpec:
    """Which images, from where, split how, at what size.

    ``path``: folder of the official files (cifar10). ``split_file`` or ``split_seed`` choose the training / validation
    split; with neither, cifar10 takes the benchmark's own 25,000/25,000 and digits the seeded split 0.
    ``size``: side in pixels after block means; None keeps 32 (cifar10) or 8 (digits).
    ``normalisation``: channel statistics "measured" on the training part, or the "published" ones (cifar10).
    """

    name: str
    path: Path | str | None = None
    split_file: Path | str | None = None
    split_seed: int | None = None
    size: int | None = None
    normalisation: Literal["measured", "published"] = "measured"


@dataclass(frozen=True, eq=False)
class ImageSet:
    """All images of a set, and which of them train, validate and test.

    ``images`` uint8 ``[N, C, H, W]``, ``labels`` int64 ``[N]``; ``train``, ``valid``, ``test`` int64 positions in them.
    ``mean`` and ``std`` float64 ``[C]``, on the scale 0..1, are what the images are normalised by. ``provenance``
    (JSON) says where the images and the split come from: name, kind, size, sha256 of images and labels as they are
    here, split.
    """

    name: str
    images: PixelArray
    labels: IntArray
    n_classes: int
    train: IntArray
    valid: IntArray
    test: IntArray
    mean: FloatArray
    std: FloatArray
    provenance: dict[str, Any]


def load_image_set(spec: ImageSpec) -> ImageSet:
    """Read, check, shrink and split an image set.

    Raises ``UsageError`` for an unknown name or an impossible setting, ``DataError`` for missing or damaged files.
    """
    if spec.name not in IMAGE_SETS:
        raise UsageError(f"unknown image set '{spec.name}'; choose one of {', '.join(IMAGE_SETS)}")
    if spec.split_file is not None and spec.split_seed is not None:
        raise UsageError("both a split file and a split seed are given; give one of them")
    if spec.split_seed is not None and spec.split_seed < 0:
        raise UsageError(f"split seed {spec.split_seed} is negative; give 0 or more")
    if spec.normalisation == "published" and spec.name not in PUBLISHED_STATISTICS:
        known = ", ".join(PUBLISHED_STATISTICS)
        raise UsageError(
            f"no channel statistics are published for {spec.name}, only for {known}; "
            "set images.normalisation = 'measured'"
        )
    images = cifar10_set(spec) if spec.name == "cifar10" else digits_set(spec)
    if spec.normalisation == "measured":
        return images
    mean, std = (np.array(values) / 255 for values in PUBLISHED_STATISTICS[spec.name])
    return replace(images, mean=mean, std=std)


def digits_set(spec: ImageSpec, sizes: tuple[int, int, int] = DIGITS_SIZES) -> ImageSet:
    """The digits with a seeded split into ``sizes`` images of training, validation and test."""
    for setting, value in (("path", spec.path), ("split_file", spec.split_file)):
        if value is not None:
            raise UsageError(f"the digits images come with scikit-learn and take no {setting}; remove it")
    images, labels = digits.read_digits()
    images = block_mean(images, block_factor(digits.SIDE, spec.size))
    seed = DIGITS_SPLIT_SEED if spec.split_seed is None else spec.split_seed
    split = seeded_split(len(images), sizes, seed)
    return _image_set("digits", "scikit-learn digits", images, labels, split)


def cifar10_set(spec: ImageSpec, layout: cifar10.Layout = cifar10.OFFICIAL) -> ImageSet:
    """CIFAR-10 under the spec's folder, training images before test images; ``layout`` says what the files must be."""
    if spec.path is None:
        raise UsageError(
            "the images of cifar10 need a folder: give --images DIR, where DIR holds "
            f"{cifar10.BINARY} or {cifar10.PYTHON}"
        )
    split = _cifar10_split(spec, layout.n_train)  # first: a wrong split file is reported before the images are read
    files = cifar10.read_cifar10(Path(spec.path), spec.size, layout)
    test = np.arange(files.n_train, len(files.labels))
    whole = Split((*split.parts, test), split.provenance)
    return _image_set("cifar10", files.kind, files.images, files.labels, whole)


def _cifar10_split(spec: ImageSpec, n_train: int) -> Split:
    if spec.split_file is not None:
        return split_from_file(Path(spec.split_file), n_train)
    if spec.split_seed is not None:
        return seeded_split(n_train, (n_train // 2, n_train - n_train // 2), spec.split_seed)
    return benchmark_split()


def _image_set(name: str, kind: str, images: PixelArray, labels: IntArray, split: Split) -> ImageSet:
    train, valid, test = split.parts
    mean, std = _channel_statistics(images, train)
    digest = hashlib.sha256(np.ascontiguousarray(images).data)
    digest.update(labels.astype("<i8").tobytes())
    provenance = {
        "name": name,
        "kind": kind,
        "size": images.shape[2],
        "sha256": digest.hexdigest(),
        "split": split.provenance,
    }
    return ImageSet(name, images, labels, 10, train, valid, test, mean, std, provenance)


def _channel_statistics(images: PixelArray, part: IntArray) -> tuple[FloatArray, FloatArray]:
    """Mean and (population) standard deviation of each channel over ``part``, on the scale 0..1."""
    total = np.zeros(images.shape[1], dtype=np.uint64)
    squares = np.zeros(images.shape[1], dtype=np.uint64)
    for start in range(0, len(part), _CHUNK):  # in chunks: a copy of all training images at once is 77 MB
        chunk = images[part[start : start + _CHUNK]]
        total += chunk.sum(axis=(0, 2, 3), dtype=np.uint64)
        squares += np.square(chunk, dtype=np.uint16).sum(axis=(0, 2, 3), dtype=np.uint64)
    count = len(part) * images.shape[2] * images.shape[3]
    mean = total / count
    std = np.sqrt(squares / count - mean**2)
    return mean / 255, std / 255
