"""Every quantity of an untrained network against a slow calculation of its own from the definition."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import scipy.stats
import torch
from torch.nn import functional as F

from nasbench_harness.predictors import az_nas, jacob_cov, naswot, synflow, zico

GENERATOR = torch.Generator().manual_seed(0)
IMAGES = torch.randn(7, 1, 8, 8, generator=GENERATOR)
LABELS = torch.tensor([3, 1, 4, 1, 5, 9, 2])


class Chain:
    """out = w2 * w1 * x + b, with a single number each: flow is 2 |w2| |w1| x."""

    def __init__(self, weights):
        self.flat = torch.tensor(weights, dtype=torch.float64)

    def set_weights(self, flat):
        self.flat = flat

    def __call__(self, x):
        return self.flat.prod() * x + 0.7


def test_synflow_of_a_chain_counts_its_weights():
    x = torch.tensor([2.0], dtype=torch.float64)
    assert synflow._flow(Chain([-3.0, 0.5]), x) == pytest.approx(math.log(2 * 3 * 0.5 * 2))
    assert synflow._flow(Chain([-3.0, 0.5, -1.0]), x) == pytest.approx(math.log(3 * 3 * 0.5 * 2))


def test_synflow_is_the_growth_of_the_output_under_common_scaling(code, fresh, plain):
    """sum of w dR/dw is dR/dt of R(e^t w) at t = 0 (the bias is no weight): by central differences in the plain net."""
    network = fresh(code, dtype=torch.float64)
    ones = torch.ones(1, 1, 8, 8, dtype=torch.float64)
    reference = plain(network, norm=False)
    outputs = []
    for t in (1e-4, -1e-4):
        reference.weights = {name: w.abs().to(torch.float64) * math.exp(t) for name, w in network.weights.items()}
        outputs.append(float(reference(ones).sum()))
    assert synflow._flow(network, ones) == pytest.approx(math.log((outputs[0] - outputs[1]) / 2e-4), abs=1e-5)


def test_naswot_counts_equal_states_pair_by_pair(code, fresh, plain):
    network = fresh(code)
    kernel = naswot.same_state(network, IMAGES)
    reference = plain(network, dtype=torch.float32)
    reference(IMAGES)
    codes = [(x > 0).flatten(1).tolist() for x in reference.relu_inputs]
    for i, j in itertools.product(range(len(IMAGES)), repeat=2):
        same = sum(a == b for states in codes for a, b in zip(states[i], states[j], strict=True))
        assert abs(kernel[i, j] - same) <= 2, (i, j)  # a unit at zero to rounding may flip
    assert (np.diag(kernel) == sum(len(states[0]) for states in codes)).all()
    assert naswot.log_determinant(kernel) == pytest.approx(math.log(abs(np.linalg.det(kernel))))


def test_naswot_has_no_signal_where_two_images_are_one():
    assert naswot.log_determinant(np.array([[4.0, 4.0], [4.0, 4.0]])) == -math.inf


def test_jacob_cov_by_a_loop_over_images(code, fresh, plain):
    network = fresh(code, dtype=torch.float64)
    x = IMAGES.double().requires_grad_()
    found = jacob_cov._gradients(network, x)
    reference = plain(network)
    rows = []
    for number in range(len(IMAGES)):
        leaves = [image.clone().requires_grad_(i == number) for i, image in enumerate(IMAGES.double())]
        [gradient] = torch.autograd.grad(reference(torch.stack(leaves)).sum(), leaves[number])
        rows.append(gradient.flatten().numpy())
    np.testing.assert_allclose(found, rows, rtol=1e-6, atol=1e-9)
    n = len(rows)
    correlation = np.array([[scipy.stats.pearsonr(rows[i], rows[j]).statistic for j in range(n)] for i in range(n)])
    expected = -sum(math.log(v + 1e-5) + 1 / (v + 1e-5) for v in np.linalg.eig(correlation)[0].real)
    assert jacob_cov.spectral_sum(found) == pytest.approx(expected, rel=1e-6)


def test_the_input_gradient_is_that_of_a_difference(fresh, plain):
    network = fresh((2, 4, 3, 1, 2, 3), dtype=torch.float64)
    found = jacob_cov._gradients(network, IMAGES.double().requires_grad_())
    reference, step = plain(network), 1e-6
    for image, pixel in ((0, 3), (4, 40)):
        moved = []
        for sign in (1, -1):
            x = IMAGES.double().clone()
            x[image].view(-1)[pixel] += sign * step
            moved.append(float(reference(x).sum()))
        assert found[image, pixel] == pytest.approx((moved[0] - moved[1]) / (2 * step), rel=1e-4, abs=1e-7)


def test_jacob_cov_is_highest_for_unrelated_gradients():
    rng = np.random.default_rng(0)
    unrelated = np.linalg.qr(rng.normal(size=(40, 6)) - 0)[0].T
    unrelated = unrelated - unrelated.mean(axis=1, keepdims=True)
    alike = unrelated + 3 * rng.normal(size=40)
    assert jacob_cov.spectral_sum(unrelated) > jacob_cov.spectral_sum(alike)
    assert jacob_cov.spectral_sum(np.zeros((3, 5))) == -math.inf


def test_zico_by_loops_over_layers_and_weights(code, fresh, plain):
    network = fresh(code, dtype=torch.float64)
    batches = [(IMAGES.double(), LABELS), (IMAGES.double().flip(3) * 1.3, LABELS.flip(0))]
    found = zico._zico(network, batches)
    reference = plain(network)
    for weight in reference.weights.values():
        weight.requires_grad_()
    gradients = []
    for x, y in batches:
        loss = F.cross_entropy(reference(x), y)
        gradients.append(
            dict(zip(reference.weights, torch.autograd.grad(loss, list(reference.weights.values())), strict=True))
        )
    total = 0.0
    for name in reference.weights:
        inside = 0.0
        for a, b in zip(gradients[0][name].flatten().tolist(), gradients[1][name].flatten().tolist(), strict=True):
            mean = (a + b) / 2
            deviation = math.sqrt(((a - mean) ** 2 + (b - mean) ** 2) / 2)
            if deviation > 0:
                inside += (abs(a) + abs(b)) / 2 / deviation
        if inside > 0:
            total += math.log(inside)
    assert found == pytest.approx(total, rel=1e-5)


def test_zico_leaves_out_weights_that_do_not_vary(fresh):
    same = (IMAGES, LABELS)
    assert zico._zico(fresh((3,) * 6), [same, same]) == 0


def test_entropy_is_that_of_the_squared_singular_values():
    x = torch.randn(5, 4, 3, 3, generator=GENERATOR)
    x[:, 1] = 3 * x[:, 0] + 0.1 * x[:, 1]
    rows = x.permute(0, 2, 3, 1).reshape(-1, 4).double().numpy()
    variance = np.linalg.svd(rows - rows.mean(0), compute_uv=False) ** 2
    share = variance / variance.sum()
    assert az_nas.entropy(x) == pytest.approx(float(-(share * np.log(share)).sum()), abs=1e-5)
    one_axis = torch.stack([torch.arange(9.0).view(3, 3)] * 4)[None]
    assert az_nas.entropy(one_axis) == pytest.approx(0, abs=1e-5)


def test_az_nas_block_by_block(code, fresh, plain):
    network = fresh(code, initialisation="he", dtype=torch.float64)
    signs_from = torch.Generator()
    signs_from.set_state(network.generator.get_state())
    found = az_nas.quantities(network, IMAGES.double().requires_grad_())
    outputs = plain(network).features(IMAGES.double().requires_grad_())
    entropies, scores = [az_nas.entropy(x) for x in outputs], []
    for x, y in itertools.pairwise(outputs):
        signs = torch.randint(0, 2, y.shape, generator=signs_from).double() * 2 - 1
        [back] = torch.autograd.grad(y, x, signs, retain_graph=True)
        factor = x.shape[2] // y.shape[2]
        mean = np.zeros((x.shape[1] * factor**2, y.shape[1]))
        for n, h, w in itertools.product(range(len(y)), range(y.shape[2]), range(y.shape[3])):
            block = back[n, :, h * factor : (h + 1) * factor, w * factor : (w + 1) * factor].flatten().numpy()
            mean += np.outer(block, signs[n, :, h, w].numpy()) / (len(y) * y.shape[2] * y.shape[3])
        top = np.linalg.svd(mean, compute_uv=False)[0]
        scores.append(2 - top - 1 / (top + 1e-6))
    expected = [sum(entropies), min(b - a for a, b in itertools.pairwise(entropies)), sum(scores) / len(scores)]
    assert found == pytest.approx(expected, rel=1e-5)


def test_a_cell_that_passes_gradients_through_untouched_has_no_trainability(fresh):
    found = az_nas.quantities(fresh((0, 0, 0, 1, 0, 0), initialisation="he"), IMAGES.clone().requires_grad_())
    assert found[2] == -math.inf
    assert np.isfinite(found[:2]).all()


def test_ranks_add_up_as_logarithms():
    rng = np.random.default_rng(1)
    parts = [rng.integers(0, 9, 30).astype(float), rng.normal(size=30)]
    expected = sum(np.log(scipy.stats.rankdata(part) / 30) for part in parts)
    np.testing.assert_allclose(az_nas.log_rank_sum(parts), expected)
