"""Mixtures, masks with a straight-through gradient, and scores of weighted cells, against slow references."""

from __future__ import annotations

import copy
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional as F

from nasbench_harness.images import ImageSet
from nasbench_harness.images.batches import DeviceImages
from nasbench_harness.native import kernels
from nasbench_harness.space import EDGES, NONE, code_to_index, connected_live_cells
from nasbench_harness.strategies.hm_nas import network as hm_network
from nasbench_harness.strategies.hm_nas.edges import INCOMING, MIXED
from nasbench_harness.strategies.hm_nas.native_mixture import mixing_kernels
from nasbench_harness.strategies.hm_nas.network import Mixture, WeightedScorable, binarise
from nasbench_harness.supernet.native_engine.scoring import BlockedScoring
from nasbench_harness.supernet.network import NetworkShape, Supernet, live_codes
from nasbench_harness.supernet.operations import batch_norm
from nasbench_harness.supernet.scoring.scorable import score
from nasbench_harness.supernet.scoring.scores import score_live_cells
from nasbench_harness.system.progress import Silent

CELLS = np.sort(np.random.default_rng(0).choice(connected_live_cells(), 40, replace=False))
WEIGHTS = np.array([1.0, 0.7, 1.3, 0.5, 1.1, 1.4])


@pytest.fixture(scope="module")
def network() -> Supernet:
    torch.manual_seed(0)
    return Supernet(NetworkShape(4, 2, 1, 10))


@pytest.fixture(scope="module")
def images(digits: ImageSet) -> DeviceImages:
    return DeviceImages(digits, digits.valid[:60])


def literal_logits(network: Supernet, x: Tensor, weight_EO: np.ndarray) -> Tensor:
    """Every edge the weighted sum of its operations, spelled out; ``weight_EO`` ``[6, 5]`` with ``none`` first."""
    x = network.stem_output(x)
    for position in range(network.shape.cell_count):
        if position in (2, 4):
            x = network.reductions[position // 2 - 1](x)
        cell = network.cells[position][0]
        nodes = [x, torch.zeros_like(x), torch.zeros_like(x), torch.zeros_like(x)]
        for edge, (source, target) in enumerate(EDGES):
            for op in MIXED:
                nodes[target] = nodes[target] + float(weight_EO[edge, op]) * cell.operation(edge, op, nodes[source])
        x = nodes[3]
    return network.classifier(F.relu(batch_norm(x)).mean((2, 3)))


def one_hot(index: int, weights: np.ndarray) -> np.ndarray:
    [code] = live_codes(np.array([index]))
    weight_EO = np.zeros((6, 5))
    weight_EO[np.arange(6), code] = weights
    weight_EO[:, NONE] = 0
    return weight_EO


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=12), st.floats(-0.5, 0.5))
def test_the_gradient_of_a_mask_is_the_identity(values: list[float], threshold: float) -> None:
    real = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    factor = torch.arange(1.0, len(values) + 1, dtype=torch.float64)
    mask = binarise(real, threshold, [range(len(values))])
    assert set(mask.tolist()) <= {0.0, 1.0}
    (mask * factor).sum().backward()
    assert real.grad is not None
    assert torch.equal(real.grad, factor)


def test_what_starts_above_the_threshold_is_kept() -> None:
    """The numbers of Piggyback: 1e-2 against 5e-3."""
    assert binarise(torch.full((3, 4), 1e-2), 5e-3).eq(1).all()
    assert binarise(torch.full((3, 4), 5e-3), 5e-3).eq(0).all()


def test_a_group_keeps_its_largest_and_no_more() -> None:
    real = torch.tensor([-3.0, -1.0, -2.0, 0.2, -5.0, -9.0])
    assert binarise(real, 0.0).tolist() == [0, 0, 0, 1, 0, 0]
    assert binarise(real, 0.0, INCOMING).tolist() == [1, 1, 0, 1, 0, 0]
    table = torch.tensor([[-1.0, -2.0], [1.0, 2.0]])
    assert binarise(table, 0.0, [(0, 1), (2, 3)]).tolist() == [[1, 0], [1, 1]]


def test_incoming_edges_are_those_of_the_cell() -> None:
    assert INCOMING == ((0,), (1, 2), (3, 4, 5))


def test_a_mixture_is_the_weighted_sum_of_all_operations(network: Supernet, images: DeviceImages) -> None:
    weight_EM = np.random.default_rng(1).uniform(0.1, 1, (6, 4))
    x = images.normalised(slice(0, 20))
    with torch.no_grad():
        found = Mixture(network)(x, torch.from_numpy(weight_EM).float())
        expected = literal_logits(network, x, np.column_stack([np.zeros(6), weight_EM]))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


def test_a_mixture_of_one_operation_an_edge_is_that_architecture(network: Supernet, images: DeviceImages) -> None:
    x = images.normalised(slice(0, 20))
    [code] = live_codes(CELLS[-1:])
    weight_EM = torch.from_numpy(one_hot(int(CELLS[-1]), np.ones(6))[:, 1:]).float()
    with torch.no_grad():
        torch.testing.assert_close(Mixture(network)(x, weight_EM), network(x, code), rtol=1e-3, atol=1e-4)


class Gradients(NamedTuple):
    """The loss of a mixture, and its gradients: of mixing ``[6, 4]``, and of every weight."""

    loss: Tensor
    mixing_EM: Tensor
    weights: tuple[Tensor | None, ...]


def gradients(network: Supernet, x: Tensor, trained: bool = True, masked: bool = False) -> Gradients:
    """Of one batch, with labels and weights of mixing by a seed, one of them 0; ``masked``: of masks of the weights."""
    labels = torch.arange(len(x)) % 10
    weight_EM = torch.from_numpy(np.random.default_rng(1).uniform(0.1, 1, (6, 4))).to(x.dtype)
    weight_EM[2, 1] = 0.0
    weight_EM.requires_grad_()
    parameters = dict(network.named_parameters())
    asked = list(parameters.values())
    if masked:
        masks = {name: torch.full_like(p, 0.7).requires_grad_() for name, p in parameters.items() if "cells" in name}
        given = {f"network.{name}": parameters[name].detach() * mask for name, mask in masks.items()}
        logits, asked = functional_call(Mixture(network), given, (x, weight_EM, trained)), list(masks.values())
    else:
        logits = Mixture(network)(x, weight_EM, trained)
    loss = F.cross_entropy(logits, labels)
    mixing, *found = torch.autograd.grad(loss, [weight_EM, *(asked if trained else [])])
    return Gradients(loss.detach(), mixing, tuple(found))


@pytest.mark.parametrize("masked", [False, True], ids=["weights", "masks"])
def test_the_kernels_have_the_gradients_of_the_operations_of_torch(
    masked: bool, images: DeviceImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(2)
    network, x = Supernet(NetworkShape(5, 2, 1, 10)).double(), images.normalised(slice(0, 48)).double()
    native = mixing_kernels(network, x)
    if native is None:
        pytest.skip("no kernels here, or vectors of other sizes")
    found, structure = gradients(network, x, masked=masked), gradients(network, x, trained=False)
    monkeypatch.setattr(hm_network, "mixing_kernels", lambda *_: None)
    expected = gradients(network, x, masked=masked)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(structure[:2], gradients(network, x)[:2], rtol=1e-9, atol=1e-12)
    assert not structure.weights


def test_lanes_without_an_image_leave_a_mixture_to_torch(network: Supernet, images: DeviceImages) -> None:
    full = mixing_kernels(network, images.normalised(slice(0, 48)))
    if full is None:
        pytest.skip("no kernels here, or vectors of other sizes")
    assert mixing_kernels(network, images.normalised(slice(0, 47))) is None


def test_edges_of_weight_one_score_as_the_supernet_does(network: Supernet, images: DeviceImages) -> None:
    found = score(WeightedScorable(network, np.ones(6)), CELLS, images, 30, Silent())
    plain = score_live_cells(network, CELLS, images, 30, Silent())
    np.testing.assert_allclose(found.negative_loss, plain.negative_loss, atol=1e-4)
    np.testing.assert_allclose(found.accuracy, plain.accuracy, atol=100 / 60 + 1e-9)


@pytest.mark.parametrize("weights", [WEIGHTS, WEIGHTS * [1, 1, 0, 1, 0, 1]], ids=["weighted", "two masked"])
def test_weighted_edges_score_as_the_literal_network(
    network: Supernet, images: DeviceImages, weights: np.ndarray
) -> None:
    found = score(WeightedScorable(network, weights), CELLS, images, 60, Silent())
    [(x, labels)] = images.equal_batches(60)
    with torch.no_grad():
        for row, index in enumerate(CELLS.tolist()):
            logits = literal_logits(network, x, one_hot(index, weights))
            assert found.negative_loss[row] == pytest.approx(-float(F.cross_entropy(logits, labels)), abs=1e-3)


@pytest.mark.parametrize("weights", [WEIGHTS, WEIGHTS * [1, 1, 0, 1, 0, 1]], ids=["weighted", "two masked"])
def test_the_kernels_score_weighted_edges_as_torch_does(network: Supernet, weights: np.ndarray) -> None:
    native = kernels(torch.float64)
    if native is None:
        pytest.skip("no kernels here")
    double, x = copy.deepcopy(network).double(), torch.rand(21, 1, 8, 8, dtype=torch.float64)
    batch = BlockedScoring(double, native, 8, weights.tolist()).on_batch(x)
    reference = WeightedScorable(double, weights)
    with torch.no_grad():
        for cell, code in zip(CELLS.tolist(), live_codes(CELLS), strict=True):
            expected = reference.logits(x, cell)
            torch.testing.assert_close(batch(code, double.first_route), expected, rtol=1e-9, atol=1e-10)


def test_the_order_of_cells_that_are_scored_together_does_not_matter(network: Supernet, images: DeviceImages) -> None:
    """The memory of the first cell must not leak from one architecture into the next."""
    together = score(WeightedScorable(network, WEIGHTS), CELLS, images, 30, Silent())
    alone = [
        score(WeightedScorable(network, WEIGHTS), CELLS[i : i + 1], images, 30, Silent()) for i in range(len(CELLS))
    ]
    np.testing.assert_array_equal(together.negative_loss, [one.negative_loss[0] for one in alone])


def test_an_architecture_of_masked_edges_alone_gives_one_answer_to_every_image(
    network: Supernet, images: DeviceImages
) -> None:
    only_direct = code_to_index(np.array([[0, 0, 0, 3, 0, 0]]))
    found = score(WeightedScorable(network, np.array([1, 1, 1, 0, 1, 1.0])), only_direct, images, 60, Silent())
    shares = np.bincount(images.labels.numpy(), minlength=10) / 60
    assert found.accuracy[0] / 100 in shares
