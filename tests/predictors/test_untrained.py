"""The untrained network: the same function as the supernet's sub-network, weights drawn as stated."""

from __future__ import annotations

import numpy as np
import torch

from nasbench_harness.space import live_cells, parameters
from nasbench_harness.supernet.network import NetworkShape, Supernet, live_codes
from nasbench_harness.supernet.untrained import UntrainedNetwork, layer_shapes


def test_it_is_the_plain_network(code, fresh, plain):
    network = fresh(code, dtype=torch.float64)
    x = torch.randn(6, 1, 8, 8, dtype=torch.float64)
    reference = plain(network)
    for ours, theirs in zip(network.features(x), reference.features(x), strict=True):
        torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(network(x), reference(x))


def test_it_is_the_sub_network_of_a_supernet():
    shape = NetworkShape(8, 2, 3, 10)
    supernet = Supernet(shape)
    x = torch.randn(6, 3, 8, 8).contiguous(memory_format=torch.channels_last)
    for code in live_codes(live_cells()[1::900]):
        network = UntrainedNetwork(code, shape, 1)
        with torch.no_grad():
            for layer in network.layers:
                parameter = parameter_of(supernet, layer.name, code)
                parameter.copy_(network.weights[layer.name].reshape(parameter.shape))
            supernet.classifier.bias.copy_(network.bias)
            torch.testing.assert_close(network(x), supernet(x, code), rtol=1e-4, atol=1e-5)


def parameter_of(supernet, name, code):
    head, *rest = name.split(".")
    if head == "stem":
        return supernet.stem
    if head == "classifier":
        return supernet.classifier.weight
    if head.startswith("reduce"):
        reduction = supernet.reductions[int(head[-1]) - 1]
        return {"a": reduction.conv_a, "b": reduction.conv_b, "shortcut": reduction.shortcut}[rest[0]]
    cell, edge = (int(part) for part in rest)
    copy = supernet.cells[int(head[-1]) * supernet.shape.cells + cell][0]
    return (copy.conv_3x3 if code[edge] == 3 else copy.conv_1x1)[edge]


def test_its_layers_hold_the_counted_parameters():
    """The count of parameters is these weights, the classifier's bias, and a gain and offset a norm."""
    shape = NetworkShape(16, 5, 3, 10)
    index = 5**6 - 1 - sum(5**e for e in range(6))  # 3x3 everywhere
    [code] = live_codes(np.array([index]))
    assert code == (3,) * 6
    layers = layer_shapes(code, shape)
    norms = [layer.outputs for layer in layers if "shortcut" not in layer.name and layer.name != "classifier"]
    total = sum(layer.size for layer in layers) + 10 + 2 * (sum(norms) + 64)
    assert total == parameters()[index]


def test_weights_are_drawn_from_the_seed_alone(fresh):
    first, again, other = (fresh((3,) * 6, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first.flat, again.flat)
    assert torch.equal(first.bias, again.bias)
    assert not torch.equal(first.flat, other.flat)


def test_the_two_initialisations_have_their_spread():
    shape = NetworkShape(16, 1, 3, 10)
    for initialisation, variance in (("pytorch", lambda fan: 1 / (3 * fan)), ("he", lambda fan: 2 / fan)):
        network = UntrainedNetwork((3,) * 6, shape, 0, initialisation)
        for layer in network.layers:
            if layer.size > 5000:
                found = float(network.weights[layer.name].var())
                assert abs(found / variance(layer.fan_in) - 1) < 0.06, (initialisation, layer.name)
        if initialisation == "pytorch":
            bounds = [float(network.weights[layer.name].abs().max()) * layer.fan_in**0.5 for layer in network.layers]
            assert max(bounds) <= 1
            assert float(network.bias.abs().max()) <= 64**-0.5
        else:
            assert not network.bias.any()
