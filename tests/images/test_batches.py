"""Batches and augmentation against loops over single images. Labels are the images' own numbers, to know them again."""

from __future__ import annotations

from itertools import islice

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nasbench_harness.images import ImageSet
from nasbench_harness.images.batch_sizes import BatchSizes, LastBatch
from nasbench_harness.images.batches import Augmentation, DeviceImages

Pixels = npt.NDArray[np.float64]
PLAIN = Augmentation(flip=False, crop_padding=0)
N, SIZE = 50, 16
PER_PASS = N // SIZE


def image_set(n: int = N, channels: int = 3, height: int = 6, width: int = 5, seed: int = 0) -> ImageSet:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (n, channels, height, width), dtype=np.uint8)
    every = np.arange(n)
    mean, std = rng.uniform(0.2, 0.6, channels), rng.uniform(0.1, 0.4, channels)
    return ImageSet("made-up", pixels, every, n, every, every[:0], every[:0], mean, std, {})


IMAGES = image_set()
DEVICE = DeviceImages(IMAGES, IMAGES.train)


def normalised(images: ImageSet, row: int) -> Pixels:
    """One image by the definition: scaled to 0..1, minus the channel's mean, over its deviation."""
    result = np.empty(images.images.shape[1:])
    for channel in range(len(result)):
        result[channel] = (images.images[row, channel] / 255 - images.mean[channel]) / images.std[channel]
    return result


def shifted(image_CHW: Pixels, down: int, right: int) -> Pixels:
    """The image moved by whole pixels, zeros where nothing moved in."""
    result = np.zeros_like(image_CHW)
    _, height, width = image_CHW.shape
    for row in range(height):
        for column in range(width):
            if 0 <= row - down < height and 0 <= column - right < width:
                result[:, row, column] = image_CHW[:, row - down, column - right]
    return result


def drawn(augmentation: Augmentation, batches: int, seed: int = 0) -> list[tuple[Pixels, npt.NDArray[np.int64]]]:
    taken = islice(DEVICE.training_batches(SIZE, augmentation, seed), batches)
    return [(x_NCHW.double().numpy(), labels.numpy()) for x_NCHW, labels in taken]


def views(x_NCHW: Pixels, labels: npt.NDArray[np.int64], padding: int, flips: bool) -> list[tuple[bool, int, int]]:
    """For each image of a batch the one mirroring and shift of the original that it equals."""
    found = []
    for x, label in zip(x_NCHW, labels.tolist(), strict=True):
        original = normalised(IMAGES, label)
        span = range(-padding, padding + 1)
        candidates = [
            (mirror, down, right)
            for mirror in ((False, True) if flips else (False,))
            for down in span
            for right in span
            if np.allclose(x, shifted(original[:, :, ::-1] if mirror else original, down, right), atol=1e-5)
        ]
        assert len(candidates) == 1, f"image {label} equals {len(candidates)} views of its original"
        found += candidates
    return found


def test_normalisation() -> None:
    part = np.array([7, 3, 40])
    chosen = DeviceImages(IMAGES, part)
    assert len(chosen) == 3
    expected = np.stack([normalised(IMAGES, row) for row in part])
    np.testing.assert_allclose(chosen.normalised(slice(None)), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(chosen.normalised(torch.tensor([2, 0])), expected[[2, 0]], rtol=1e-5, atol=1e-5)
    assert chosen.normalised(slice(None)).dtype == torch.float32
    assert chosen.labels.tolist() == part.tolist()


def test_without_augmentation_images_come_as_they_are_with_their_labels() -> None:
    for x_NCHW, labels in drawn(PLAIN, 2 * PER_PASS):
        assert set(views(x_NCHW, labels, 0, flips=False)) == {(False, 0, 0)}


def test_a_part_holds_the_chosen_images_in_their_order_and_a_slice_copies_nothing() -> None:
    rows = torch.tensor([7, 2, 40])
    chosen, first = DEVICE.part(rows), DEVICE.part(slice(10))
    assert torch.equal(chosen.normalised(slice(None)), DEVICE.normalised(rows))
    assert chosen.labels.tolist() == [7, 2, 40]
    assert (len(first), len(DEVICE.part(slice(N + 5)))) == (10, N)
    assert first.pixels.data_ptr() == DEVICE.pixels.data_ptr()
    assert all(part.pixels.is_contiguous(memory_format=torch.channels_last) for part in (chosen, first))


def test_flips_mirror_half_of_the_images_and_do_nothing_else() -> None:
    seen = [view for batch in drawn(Augmentation(flip=True), 20) for view in views(*batch, 0, flips=True)]
    assert 0.4 < np.mean([mirrored for mirrored, _, _ in seen]) < 0.6


@pytest.mark.parametrize("padding", [1, 2])
def test_crops_shift_by_at_most_the_padding_all_shifts_alike(padding: int) -> None:
    seen = [v for batch in drawn(Augmentation(False, padding), 60) for v in views(*batch, padding, flips=False)]
    span = 2 * padding + 1
    counts = np.zeros((span, span), dtype=int)
    for _, down, right in seen:
        counts[down + padding, right + padding] += 1
    expected = len(seen) / span**2
    assert np.abs(counts - expected).max() < 5 * expected**0.5


def test_flip_and_crop_are_drawn_independently() -> None:
    seen = [view for batch in drawn(Augmentation(True, 1), 40) for view in views(*batch, 1, flips=True)]
    assert set(seen) == {(m, d, r) for m in (False, True) for d in (-1, 0, 1) for r in (-1, 0, 1)}


def test_every_batch_of_a_pass_has_flips_and_crops_of_its_own() -> None:
    first, second, *_ = (views(*batch, 1, flips=True) for batch in drawn(Augmentation(True, 1), PER_PASS))
    assert [mirrored for mirrored, _, _ in first] != [mirrored for mirrored, _, _ in second]
    assert [shift for _, *shift in first] != [shift for _, *shift in second]


def test_a_pass_visits_each_image_at_most_once_and_the_next_pass_in_another_order() -> None:
    batches = drawn(Augmentation(), 3 * PER_PASS)
    passes = [
        np.concatenate([labels for _, labels in batches[start : start + PER_PASS]]).tolist()
        for start in range(0, len(batches), PER_PASS)
    ]
    for labels in passes:
        assert len(set(labels)) == PER_PASS * SIZE
        assert labels != sorted(labels)
    assert passes[0] != passes[1] != passes[2]
    assert len({label for labels in passes for label in labels}) > PER_PASS * SIZE  # others are left out each time


def test_batches_as_large_as_the_set_and_batches_that_divide_it() -> None:
    for size, per_pass in ((N, 1), (N // 2, 2)):
        taken = list(islice(DEVICE.training_batches(size, PLAIN, 0), 2 * per_pass))
        assert sorted(torch.cat([labels for _, labels in taken[:per_pass]]).tolist()) == list(range(N))
        assert all(len(labels) == size for _, labels in taken)


def test_the_seed_alone_decides_images_and_augmentation() -> None:
    augmentation = Augmentation(True, 1)
    first = drawn(augmentation, 5, seed=4)
    torch.manual_seed(99)
    for (x, labels), (y, other) in zip(first, drawn(augmentation, 5, seed=4), strict=True):
        np.testing.assert_array_equal(x, y)
        np.testing.assert_array_equal(labels, other)
    assert any(
        (labels != other).any() for (_, labels), (_, other) in zip(first, drawn(augmentation, 5, 5), strict=True)
    )


def test_augmentation_does_not_change_which_images_train_together() -> None:
    plain, augmented = drawn(PLAIN, 6), drawn(Augmentation(True, 2), 6)
    assert all((one == other).all() for (_, one), (_, other) in zip(plain, augmented, strict=True))


def test_training_batches_are_channels_last() -> None:
    x_NCHW, _ = next(DEVICE.training_batches(SIZE, Augmentation(True, 1), 0))
    assert x_NCHW.is_contiguous(memory_format=torch.channels_last)
    assert x_NCHW.dtype == torch.float32


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.integers(1, 70))
def test_equal_batches_hold_all_images_in_order_in_the_fewest_equal_parts(n: int, size: int) -> None:
    images = image_set(n, 1, 2, 2)
    parts = [labels.tolist() for _, labels in DeviceImages(images, images.train).equal_batches(size)]
    lengths = [len(part) for part in parts]
    assert [label for part in parts for label in part] == list(range(n))
    assert len(parts) == -(-n // size)
    assert max(lengths) <= size
    assert max(lengths) - min(lengths) <= 1


def test_equal_batches_hold_the_pixels_of_their_labels() -> None:
    for x_NCHW, labels in DEVICE.equal_batches(20):
        expected = np.stack([normalised(IMAGES, row) for row in labels.tolist()])
        np.testing.assert_allclose(x_NCHW, expected, rtol=1e-5, atol=1e-5)


def test_a_black_border_is_black_before_normalising() -> None:
    augmentation = Augmentation(False, 2, "black")
    black = (-IMAGES.mean / IMAGES.std)[:, None, None]
    bordered = 0
    for (x_NCHW, labels), (mean_NCHW, _) in zip(
        drawn(augmentation, 12), drawn(Augmentation(False, 2), 12), strict=True
    ):
        for image, same_place, label in zip(x_NCHW, mean_NCHW, labels, strict=True):
            [(_, down, right)] = views(same_place[None], np.array([label]), 2, flips=False)
            outside = shifted(np.ones_like(image), down, right) == 0
            np.testing.assert_allclose(image, np.where(outside, black, same_place), rtol=1e-5, atol=1e-5)
            bordered += outside.any()
    assert bordered > 100


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.sampled_from(["drop", "keep"]), st.integers(0, 200))
def test_batch_sizes_are_those_of_the_batches(n: int, size: int, last_batch: LastBatch, budget: int) -> None:
    size = min(n, size)
    images = image_set(n, 1, 2, 2)
    sizes = BatchSizes(n, size, last_batch)
    made = DeviceImages(images, images.train).training_batches(size, PLAIN, 0, last_batch=last_batch)
    lengths = [len(labels) for _, labels in islice(made, 2 * sizes.batches_a_pass + 1)]
    assert lengths == [sizes.size_of(step) for step in range(len(lengths))]
    assert sum(lengths[: sizes.batches_a_pass]) == sizes.images_a_pass
    assert sizes.images_a_pass == (n if last_batch == "keep" else n // size * size)
    steps = sizes.steps_within(budget)
    assert sizes.images_before(steps) <= budget < sizes.images_before(steps + 1)


def test_skipped_batches_are_those_that_would_have_come_with_the_last_batch_kept() -> None:
    augmentation = Augmentation(True, 1, "black")
    whole = list(islice(DEVICE.training_batches(SIZE, augmentation, 0, 0, "keep"), 9))
    for skip in (3, 4, 6):
        later = list(islice(DEVICE.training_batches(SIZE, augmentation, 0, skip, "keep"), 9 - skip))
        for (x, labels), (y, same) in zip(whole[skip:], later, strict=True):
            assert torch.equal(x, y)
            assert torch.equal(labels, same)
    assert sorted(torch.cat([labels for _, labels in whole[:4]]).tolist()) == list(range(N))
