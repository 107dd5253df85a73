"""Image sets as the rest of the package sees them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.images import ImageSet, ImageSpec, load_image_set, sets
from nasbench_harness.images.sets import cifar10_set, digits_set


def _check(images: ImageSet) -> None:
    """What every image set promises."""
    parts = np.concatenate([images.train, images.valid, images.test])
    assert len(np.unique(parts)) == len(parts)
    assert images.images.dtype == np.uint8
    assert len(images.images) == len(images.labels)
    assert images.labels.min() >= 0
    assert images.labels.max() < images.n_classes
    pixels = images.images[images.train] / 255
    np.testing.assert_allclose(images.mean, pixels.mean(axis=(0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(images.std, pixels.std(axis=(0, 2, 3)), rtol=1e-9)
    assert json.loads(json.dumps(images.provenance, allow_nan=False)) == images.provenance


def test_digits() -> None:
    images = load_image_set(ImageSpec("digits"))
    _check(images)
    assert images.images.shape == (1797, 1, 8, 8)
    assert (len(images.train), len(images.valid), len(images.test)) == (600, 597, 600)
    raw = load_digits().images[:, None]
    assert np.abs(images.images - raw * 255 / 16).max() <= 0.5
    assert images.images.max() == 255
    np.testing.assert_array_equal(images.labels, load_digits().target)
    assert images.provenance["split"]["seed"] == 0


def test_digits_take_size_seed_and_sizes() -> None:
    images = digits_set(ImageSpec("digits", size=4, split_seed=3), (1000, 300, 497))
    _check(images)
    assert images.images.shape == (1797, 1, 4, 4)
    assert (len(images.train), len(images.valid), len(images.test)) == (1000, 300, 497)
    same = digits_set(ImageSpec("digits", size=4, split_seed=3), (1000, 300, 497))
    assert same.provenance == images.provenance
    assert load_image_set(ImageSpec("digits", split_seed=3)).provenance["split"] != images.provenance["split"]


def test_cifar10_concatenates_training_and_test_images(tiny: Any, tmp_path: Path) -> None:
    split = tmp_path / "split.json"
    split.write_text(json.dumps({"train": [0, 2, 4, 29], "valid": [1, 3]}))
    images = cifar10_set(ImageSpec("cifar10", path=tiny.folder, split_file=split, size=8), tiny.layout)
    _check(images)
    assert images.images.shape == (36, 3, 8, 8)
    assert images.train.tolist() == [0, 2, 4, 29]
    assert images.valid.tolist() == [1, 3]
    assert images.test.tolist() == list(range(30, 36))
    np.testing.assert_array_equal(images.labels, tiny.labels)
    assert (images.provenance["kind"], images.provenance["size"]) == ("cifar-10 binary", 8)
    assert images.provenance["split"]["kind"] == "file"


def test_cifar10_split_by_seed_halves_the_training_images(tiny: Any) -> None:
    images = cifar10_set(ImageSpec("cifar10", path=tiny.folder, split_seed=5), tiny.layout)
    _check(images)
    assert sorted([*images.train, *images.valid]) == list(range(30))
    assert len(images.train) == len(images.valid) == 15
    assert (images.provenance["split"]["kind"], images.provenance["split"]["seed"]) == ("seeded", 5)


def test_published_statistics_replace_the_measured_ones_and_nothing_else(
    tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sets, "cifar10_set", lambda spec: cifar10_set(spec, tiny.layout))
    spec = ImageSpec("cifar10", path=tiny.folder, split_seed=5)
    measured, published = load_image_set(spec), load_image_set(replace(spec, normalisation="published"))
    np.testing.assert_allclose(published.mean * 255, [125.3, 123.0, 113.9])
    np.testing.assert_allclose(published.std * 255, [63.0, 62.1, 66.7])
    assert not np.allclose(measured.mean, published.mean)
    np.testing.assert_array_equal(measured.images, published.images)
    assert measured.provenance == published.provenance


def test_provenance_changes_with_pixels_labels_and_split(tiny: Any) -> None:
    spec = ImageSpec("cifar10", path=tiny.folder, split_seed=5)
    full = cifar10_set(spec, tiny.layout).provenance
    small = cifar10_set(ImageSpec("cifar10", path=tiny.folder, split_seed=5, size=16), tiny.layout).provenance
    python = cifar10_set(ImageSpec("cifar10", path=tiny.python, split_seed=5), tiny.layout).provenance
    assert small["sha256"] != full["sha256"]
    assert small["split"] == full["split"]
    assert python["sha256"] == full["sha256"]  # the same images, however they were wrapped


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (ImageSpec("mnist"), "unknown image set 'mnist'; choose one of cifar10, digits"),
        (ImageSpec("cifar10"), "the images of cifar10 need a folder: give --images DIR"),
        (ImageSpec("cifar10", split_file=Path("a"), split_seed=1), "both a split file and a split seed"),
        (ImageSpec("digits", split_seed=-1), "split seed -1 is negative"),
        (ImageSpec("digits", path=Path("a")), "take no path"),
        (ImageSpec("digits", split_file=Path("a")), "take no split_file"),
        (ImageSpec("digits", normalisation="published"), "no channel statistics are published for digits"),
        (ImageSpec("digits", size=3), "image size 3 does not divide 8"),
    ],
)
def test_impossible_requests(spec: ImageSpec, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        load_image_set(spec)


def test_a_wrong_split_file_is_told_before_images_are_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="split file"):
        load_image_set(ImageSpec("cifar10", path=tmp_path / "absent", split_file=tmp_path / "absent.json"))
    with pytest.raises(DataError, match="image folder"):
        load_image_set(ImageSpec("cifar10", path=tmp_path / "absent"))
