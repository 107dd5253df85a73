"""The reference step holds every operation on every edge, moves all weights, and is the plain SGD step."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nasbench_harness.images import ImageSet
from nasbench_harness.images.batches import Augmentation, DeviceImages
from nasbench_harness.space import Subspace, index_to_code, live_cell_of
from nasbench_harness.supernet.network import NetworkShape, Supernet, live_codes
from nasbench_harness.training.reference import EveryOperation, reference_moves
from nasbench_harness.training.settings import TrainingSettings

SETTINGS = TrainingSettings(batch_size=20, learning_rate=0.05, augmentation=Augmentation(False, 0), nesterov=False)


def drawn() -> np.ndarray:
    return EveryOperation().draw(Subspace.full(), 1, np.random.default_rng(0))[0]


def test_every_operation_is_on_every_edge_once_and_none_is_dead() -> None:
    code_KE = index_to_code(drawn())
    assert (np.sort(code_KE, axis=0) == np.arange(1, 5)[:, None]).all()
    assert (live_cell_of()[drawn()] == drawn()).all()


def test_lengths_are_those_of_the_gradients_times_the_rate(digits: ImageSet) -> None:
    torch.manual_seed(0)
    network, other = (Supernet(NetworkShape(4, 1, 1, 10)) for _ in range(2))
    other.load_state_dict(network.state_dict())
    images = DeviceImages(digits, digits.train[:20])  # one batch: its order does not matter to the sum
    found = reference_moves(network, images, SETTINGS, ("a test", 0))
    x_NCHW, labels = next(iter(images.training_batches(20, Augmentation(False, 0), 7)))
    for code in live_codes(drawn()):
        torch.nn.functional.cross_entropy(other(x_NCHW, code), labels).backward()
    for part in ("stem", "conv_1x1.0", "conv_3x3.5"):
        weights = [w for name, w in other.named_parameters() if name == part or name.endswith(f".{part}")]
        steps = [w.grad + SETTINGS.weight_decay * w for w in weights if w.grad is not None]
        squares = sum(step.square().sum().item() for step in steps)
        assert found[part] == pytest.approx(0.05 * squares**0.5, rel=1e-4)
    assert len(found) == 15
