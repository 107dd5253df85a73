"""The supernet against a plain network: a module an operation, every edge computed, sums into nodes, native layers."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nasbench_harness.space import (
    EDGES,
    N_ARCHITECTURES,
    connected,
    index_to_code,
    live_edges,
    parameters,
    parse_architecture,
)
from nasbench_harness.supernet.network import NetworkShape, Supernet, live_codes, parameter_count

CLASSES = 7
CHOSEN = [
    parse_architecture(text)
    for text in (
        "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|",  # nothing at all
        "|nor_conv_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|none~0|none~1|none~2|",  # work that leads nowhere
        "|none~0|+|none~0|nor_conv_3x3~1|+|none~0|nor_conv_1x1~1|nor_conv_3x3~2|",  # ways that start nowhere
        "|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|nor_conv_3x3~2|",  # a path and two dead edges
        "|none~0|+|nor_conv_1x1~0|avg_pool_3x3~1|+|none~0|nor_conv_3x3~1|nor_conv_3x3~2|",  # dead edges at node 1
        "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|skip_connect~1|skip_connect~2|",
        "|avg_pool_3x3~0|+|avg_pool_3x3~0|avg_pool_3x3~1|+|avg_pool_3x3~0|avg_pool_3x3~1|avg_pool_3x3~2|",
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|",
        "|nor_conv_1x1~0|+|nor_conv_1x1~0|nor_conv_1x1~1|+|nor_conv_1x1~0|nor_conv_1x1~1|nor_conv_1x1~2|",
    )
]
DRAWN = np.random.default_rng(5).choice(N_ARCHITECTURES, 25, replace=False).tolist()
ARCHITECTURES = [*CHOSEN, *DRAWN]


class Zero(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * 0.0


class ReLUConvBN(nn.Sequential):
    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, affine: bool) -> None:
        super().__init__(
            nn.ReLU(),
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(outputs, affine=affine, track_running_stats=False),
        )


def operation(op: int, channels: int, affine: bool) -> nn.Module:
    if op in (2, 3):
        return ReLUConvBN(channels, channels, 1 if op == 2 else 3, 1, affine)
    return (Zero(), nn.Identity(), None, None, nn.AvgPool2d(3, 1, 1, count_include_pad=False))[op]  # type: ignore[return-value]


class PlainCell(nn.Module):
    def __init__(self, channels: int, code: list[int], affine: bool) -> None:
        super().__init__()
        self.edges = nn.ModuleList(operation(op, channels, affine) for op in code)

    def forward(self, x: Tensor) -> Tensor:
        nodes = [x]
        for node in (1, 2, 3):
            into = [self.edges[e](nodes[source]) for e, (source, target) in enumerate(EDGES) if target == node]
            nodes.append(sum(into[1:], into[0]))
        return nodes[3]


class PlainReduction(nn.Module):
    """The official residual block: two ReLU-conv-BN, beside average pooling and a bare 1 x 1 convolution."""

    def __init__(self, channels: int, affine: bool) -> None:
        super().__init__()
        self.conv_a = ReLUConvBN(channels, 2 * channels, 3, 2, affine)
        self.conv_b = ReLUConvBN(2 * channels, 2 * channels, 3, 1, affine)
        self.downsample = nn.Sequential(nn.AvgPool2d(2, 2, 0), nn.Conv2d(channels, 2 * channels, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        return self.downsample(x) + self.conv_b(self.conv_a(x))


class PlainNetwork(nn.Module):
    """The stand-alone network of one architecture."""

    def __init__(self, shape: NetworkShape, architecture: int, affine: bool = False) -> None:
        super().__init__()
        code, c = index_to_code(np.int64(architecture)).tolist(), shape.channels
        self.stem = nn.Conv2d(shape.image_channels, c, 3, padding=1, bias=False)
        self.stem_bn = nn.BatchNorm2d(c, affine=affine, track_running_stats=False)
        body: list[nn.Module] = []
        for stage in range(3):
            body += [PlainReduction(c * 2 ** (stage - 1), affine)] if stage else []
            body += [PlainCell(c * 2**stage, code, affine) for _ in range(shape.cells)]
        self.body = nn.Sequential(*body)
        self.last = nn.Sequential(nn.BatchNorm2d(4 * c, affine=affine, track_running_stats=False), nn.ReLU())
        self.classifier = nn.Linear(4 * c, shape.classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.last(self.body(self.stem_bn(self.stem(x)))).mean((2, 3)))


def pairs(plain: PlainNetwork, supernet: Supernet, route: tuple[int, ...]) -> list[tuple[nn.Parameter, nn.Parameter]]:
    """Parameters of the plain network, each with its counterpart in the supernet."""
    found = [(plain.stem.weight, supernet.stem)]
    found += list(zip(plain.classifier.parameters(), supernet.classifier.parameters(), strict=True))
    reductions = [block for block in plain.body if isinstance(block, PlainReduction)]
    for block, shared in zip(reductions, supernet.reductions, strict=True):
        mine = (block.conv_a[1], block.conv_b[1], block.downsample[1])
        found += [
            (conv.weight, w) for conv, w in zip(mine, (shared.conv_a, shared.conv_b, shared.shortcut), strict=True)
        ]
    cells = [cell for cell in plain.body if isinstance(cell, PlainCell)]
    for position, cell in enumerate(cells):
        shared = supernet.cells[position][route[position]]
        for edge, module in enumerate(cell.edges):
            if isinstance(module, ReLUConvBN):
                bank = shared.conv_1x1 if module[1].kernel_size == (1, 1) else shared.conv_3x3
                found.append((module[1].weight, bank[edge]))
    return found


def new_supernet(shape: NetworkShape, seed: int = 0) -> Supernet:
    torch.manual_seed(seed)
    return Supernet(shape).double()


def images(shape: NetworkShape, side: int, n: int = 6) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    pixels = torch.randn(n, shape.image_channels, side, side, generator=generator, dtype=torch.float64)
    return pixels, torch.arange(n) % shape.classes


def assert_same_as_plain(supernet: Supernet, architecture: int, side: int, route: tuple[int, ...] | None) -> None:
    shape = supernet.shape
    plain = PlainNetwork(shape, architecture).double()
    together = pairs(plain, supernet, route or (0,) * shape.cell_count)
    for mine, shared in together:
        mine.data.copy_(shared.data)
    x_NCHW, labels = images(shape, side)
    expected = plain(x_NCHW)
    nn.functional.cross_entropy(expected, labels).backward()
    supernet.zero_grad(set_to_none=True)
    found = supernet(x_NCHW, live_codes(np.array([architecture]))[0], route)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    nn.functional.cross_entropy(found, labels).backward()
    for mine, shared in together:
        if shared.grad is None:
            assert mine.grad is None or not mine.grad.any()
        else:
            assert mine.grad is not None
            torch.testing.assert_close(shared.grad, mine.grad, rtol=1e-7, atol=1e-9)
    known = {id(shared) for _, shared in together}
    assert all(parameter.grad is None for parameter in supernet.parameters() if id(parameter) not in known)


@pytest.mark.parametrize(
    ("shape", "side"),
    [(NetworkShape(4, 1, 1, CLASSES), 8), (NetworkShape(5, 2, 3, CLASSES), 8), (NetworkShape(16, 1, 3, CLASSES), 12)],
    ids=str,
)
def test_logits_and_all_gradients_equal_those_of_the_plain_network(shape: NetworkShape, side: int) -> None:
    supernet = new_supernet(shape)
    for architecture in ARCHITECTURES:
        assert_same_as_plain(supernet, architecture, side, None)


@pytest.mark.parametrize("route", list(product((0,), (0, 1), (0, 1, 2))))
def test_a_route_selects_one_copy_of_each_cell(route: tuple[int, ...]) -> None:
    supernet = new_supernet(NetworkShape(4, 1, 1, CLASSES, copies=(1, 2, 3)))
    for architecture in ARCHITECTURES[:14]:
        assert_same_as_plain(supernet, architecture, 8, route)


def test_the_default_route_is_the_first_copy() -> None:
    supernet = new_supernet(NetworkShape(4, 1, 1, CLASSES, copies=(1, 2, 3)))
    x_NCHW, _ = images(supernet.shape, 8)
    code = live_codes(np.array([CHOSEN[-1]]))[0]
    assert torch.equal(supernet(x_NCHW, code), supernet(x_NCHW, code, (0, 0, 0)))
    assert not torch.equal(supernet(x_NCHW, code), supernet(x_NCHW, code, (0, 0, 1)))


def test_operations_that_are_not_used_get_no_gradient_and_the_live_ones_do() -> None:
    supernet = new_supernet(NetworkShape(4, 1, 1, CLASSES))
    x_NCHW, labels = images(supernet.shape, 8)
    for architecture in ARCHITECTURES:
        supernet.zero_grad(set_to_none=True)
        code = index_to_code(np.int64(architecture)).tolist()
        nn.functional.cross_entropy(supernet(x_NCHW, live_codes(np.array([architecture]))[0]), labels).backward()
        for cell in supernet.cells:
            for bank, op in ((cell[0].conv_1x1, 2), (cell[0].conv_3x3, 3)):
                trained = [weight.grad is not None for weight in bank]
                assert trained == [code[e] == op and bool(live_edges()[architecture, e]) for e in range(len(EDGES))]


@pytest.mark.parametrize("shape", [NetworkShape(4, 1, 1, 10), NetworkShape(5, 2, 3, 7)], ids=str)
def test_weights_in_use_number_what_the_space_counts(shape: NetworkShape) -> None:
    """The space counts affine batch norm, which the supernet does without: two numbers a normalised channel."""
    counts = parameters(shape.channels, shape.cells, shape.classes, image_channels=shape.image_channels)
    live = parameters(shape.channels, shape.cells, shape.classes, live=True, image_channels=shape.image_channels)
    supernet = new_supernet(shape)
    x_NCHW, labels = images(shape, 8)
    for architecture in [a for a in ARCHITECTURES if connected()[a]]:
        plain = PlainNetwork(shape, architecture, affine=True)
        assert parameter_count(plain) == counts[architecture]
        supernet.zero_grad(set_to_none=True)
        code = live_codes(np.array([architecture]))[0]
        nn.functional.cross_entropy(supernet(x_NCHW, code), labels).backward()
        used = sum(parameter.numel() for parameter in supernet.parameters() if parameter.grad is not None)
        convolutions = sum(op in (2, 3) for op in code)
        c = shape.channels
        normalised = c + 4 * c + 2 * (2 * c + 4 * c) + convolutions * shape.cells * (c + 2 * c + 4 * c)
        assert used == live[architecture] - 2 * normalised


def test_weights_start_as_those_of_torch_layers() -> None:
    shape = NetworkShape(4, 1, 3, 10)
    supernet = Supernet(shape)
    limit = {weight: (weight[0].numel()) ** -0.5 for weight in supernet.parameters() if weight.dim() == 4}
    spread = [float(weight.detach().abs().max()) / bound for weight, bound in limit.items()]
    assert max(spread) <= 1
    assert np.mean(spread) > 0.8
    torch.manual_seed(1)
    stem = Supernet(shape).stem
    torch.manual_seed(1)
    assert torch.equal(stem, nn.Conv2d(3, 4, 3, bias=False).weight)


def test_parameter_count() -> None:
    c = 4
    cell = 6 * (1 + 9) * (c**2 + 4 * c**2 + 16 * c**2)
    reductions = sum((9 * w * 2 * w) + (9 * 4 * w * w) + (2 * w * w) for w in (c, 2 * c))
    assert parameter_count(Supernet(NetworkShape(c, 1, 1, 10))) == 9 * c + cell + reductions + 10 * 4 * c + 10
