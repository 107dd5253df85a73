"""Recalibrated batch norm against PyTorch's own layers, which keep averages of batch statistics."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from nasbench_harness.images import ImageSet
from nasbench_harness.images.batches import Augmentation, DeviceImages
from nasbench_harness.space import connected_live_cells
from nasbench_harness.supernet.network import NetworkShape, Supernet, live_codes
from nasbench_harness.supernet.operations import batch_norm, normalising_by
from nasbench_harness.supernet.scoring.recalibration import Recalibration, score_recalibrated
from nasbench_harness.supernet.scoring.scores import SupernetScorable, score_live_cells
from nasbench_harness.system.progress import Silent

CELLS = np.sort(np.random.default_rng(0).choice(connected_live_cells(), 12, replace=False))


@pytest.fixture(scope="module")
def network() -> Supernet:
    torch.manual_seed(0)
    return Supernet(NetworkShape(4, 1, 1, 10))


def calibration(digits: ImageSet, batches: int, size: int) -> list[torch.Tensor]:
    images = DeviceImages(digits, digits.train).training_batches(size, Augmentation(False, 0), 3)
    return [next(images)[0] for _ in range(batches)]


class Layers:
    """Every normalisation by a layer of its own with cumulative averages, told apart by their order."""

    def __init__(self) -> None:
        self.layers: list[nn.BatchNorm2d] = []
        self.place = 0
        self.training = True

    def __call__(self, x_NCHW: torch.Tensor) -> torch.Tensor:
        if self.place == len(self.layers):
            self.layers.append(nn.BatchNorm2d(x_NCHW.shape[1], affine=False, momentum=None))
        layer = self.layers[self.place].train(self.training)
        self.place += 1
        return layer(x_NCHW)


def test_scores_are_those_of_layers_that_keep_averages(network: Supernet, digits: ImageSet) -> None:
    held_out = DeviceImages(digits, digits.valid[:90])
    batches = calibration(digits, 3, 200)
    found = score_recalibrated(SupernetScorable(network), CELLS, batches, held_out, 45, Silent())
    for row, code in enumerate(live_codes(CELLS)):
        layers = Layers()
        correct = loss = 0.0
        with torch.no_grad():
            for x_NCHW in batches:
                layers.place = 0
                with normalising_by(layers):
                    network(x_NCHW, code)
            layers.training = False
            for x_NCHW, labels in held_out.equal_batches(45):
                layers.place = 0
                with normalising_by(layers):
                    logits = network(x_NCHW, code)
                correct += float((logits.argmax(1) == labels).sum())
                loss += float(nn.functional.cross_entropy(logits, labels, reduction="sum"))
        assert found.accuracy[row] == pytest.approx(100 * correct / 90)
        # layers average unbiased variances, which of 200 images with 4 pixels are larger by a factor of up to 800 / 799
        assert found.negative_loss[row] == pytest.approx(-loss / 90, rel=2e-2)


def test_calibrated_on_the_very_images_scored_it_is_the_default(network: Supernet, digits: ImageSet) -> None:
    held_out = DeviceImages(digits, digits.valid[:90])
    batches = [x_NCHW for x_NCHW, _ in held_out.equal_batches(90)]
    found = score_recalibrated(SupernetScorable(network), CELLS, batches, held_out, 90, Silent())
    expected = score_live_cells(network, CELLS, held_out, 90, Silent())
    np.testing.assert_allclose(found.negative_loss, expected.negative_loss, rtol=1e-4)
    np.testing.assert_allclose(found.accuracy, expected.accuracy, atol=1.2)


def test_without_recalibration_batches_are_judged_by_themselves_again(network: Supernet, digits: ImageSet) -> None:
    held_out = DeviceImages(digits, digits.valid[:90])
    before = score_live_cells(network, CELLS, held_out, 90, Silent())
    score_recalibrated(SupernetScorable(network), CELLS, calibration(digits, 1, 50), held_out, 90, Silent())
    np.testing.assert_array_equal(
        score_live_cells(network, CELLS, held_out, 90, Silent()).negative_loss, before.negative_loss
    )


def test_averages_are_of_all_batches_alike() -> None:
    torch.manual_seed(0)
    batches = torch.randn(3, 8, 2, 4, 4) * torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1, 1, 1)
    statistics = Recalibration()
    for x_NCHW in batches:
        with statistics.collecting():
            batch_norm(x_NCHW)
    expected = batches.var(dim=(1, 3, 4), correction=0).mean(0)
    torch.testing.assert_close(statistics.variances[0], expected)
    with statistics.applying():
        normal = batch_norm(batches[0])
    mean = batches.mean(dim=(1, 3, 4)).mean(0)
    torch.testing.assert_close(
        normal, (batches[0] - mean.view(-1, 1, 1)) / (expected.view(-1, 1, 1) + 1e-5).sqrt(), rtol=1e-4, atol=1e-5
    )
