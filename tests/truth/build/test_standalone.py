"""Many networks at once against plain modules one at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nasbench_harness.errors import RunError, UsageError
from nasbench_harness.images import ImageSet
from nasbench_harness.space import index_to_code, parse_architecture
from nasbench_harness.truth.build.standalone import Models, Recipe, StandaloneResult, train_standalone

pytestmark = pytest.mark.slow
RECIPE = Recipe(channels=3, cells=2, epochs=2, batch=40, learning_rate=0.1, shift=1)

# both convolutions, pooling and skip; `none`; edges that lead nowhere, with a convolution on them
CELLS = (
    "|nor_conv_3x3~0|+|nor_conv_1x1~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|",
    "|avg_pool_3x3~0|+|avg_pool_3x3~0|none~1|+|none~0|nor_conv_1x1~1|skip_connect~2|",
    "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|none~2|",
    "|none~0|+|nor_conv_1x1~0|nor_conv_3x3~1|+|none~0|nor_conv_3x3~1|nor_conv_3x3~2|",
)


def code_of(text: str) -> list[int]:
    return [int(op) for op in index_to_code(parse_architecture(text))]


class Layer(nn.Module):
    """A module whose call is typed."""

    def __call__(self, x: Tensor) -> Tensor:
        y: Tensor = super().__call__(x)
        return y


class ReluConvNorm(Layer):
    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs, track_running_stats=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(self.conv(torch.relu(x)))
        return y


class PlainCell(Layer):
    """Every edge by name, dead or not: (source, target) -> operation."""

    def __init__(self, text: str, channels: int) -> None:
        super().__init__()
        self.edges: list[tuple[int, int, str]] = []
        self.convs: dict[str, ReluConvNorm] = {}
        number = 0
        for target, node in enumerate(text.split("+"), start=1):
            for term in node.strip("|").split("|"):
                op, source = term.split("~")
                self.edges.append((int(source), target, op))
                if op.startswith("nor_conv"):
                    conv = ReluConvNorm(channels, channels, int(op[-1]))
                    self.convs[str(number)] = conv
                    self.add_module(f"conv{number}", conv)
                number += 1

    def forward(self, x: Tensor) -> Tensor:
        nodes = [x] + [torch.zeros_like(x)] * 3
        for number, (source, target, op) in enumerate(self.edges):
            if not nodes[source].any():
                continue  # what the input does not reach adds nothing: no learned constant from its batch norm either
            if op == "skip_connect":
                nodes[target] = nodes[target] + nodes[source]
            elif op == "avg_pool_3x3":
                nodes[target] = nodes[target] + nn.AvgPool2d(3, 1, 1, count_include_pad=False)(nodes[source])
            elif op != "none":
                nodes[target] = nodes[target] + self.convs[str(number)](nodes[source])
        return nodes[3]


class PlainReduction(Layer):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.a = ReluConvNorm(channels, 2 * channels, 3, stride=2)
        self.b = ReluConvNorm(2 * channels, 2 * channels, 3)
        self.shortcut = nn.Conv2d(channels, 2 * channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.b(self.a(x)) + self.shortcut(nn.AvgPool2d(2)(x))
        return y


class PlainNetwork(Layer):
    """The network as its definition reads, one model, with weights copied from one of ``Models``."""

    def __init__(self, text: str, recipe: Recipe) -> None:
        super().__init__()
        c = recipe.channels
        self.stem = nn.Conv2d(1, c, 3, padding=1, bias=False)
        self.stem_norm = nn.BatchNorm2d(c, track_running_stats=False)
        self.cells = [PlainCell(text, c << stage) for stage in range(3) for _ in range(recipe.cells)]
        self.reductions = [PlainReduction(c << stage) for stage in range(2)]
        self.all = nn.ModuleList([*self.cells, *self.reductions])
        self.last = nn.BatchNorm2d(4 * c, track_running_stats=False)
        self.classifier = nn.Linear(4 * c, 10)
        self.per_stage = recipe.cells

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem_norm(self.stem(x))
        for i, cell in enumerate(self.cells):
            if i and i % self.per_stage == 0:
                x = self.reductions[i // self.per_stage - 1](x)
            x = cell(x)
        y: Tensor = self.classifier(torch.relu(self.last(x)).mean((2, 3)))
        return y

    def named(self) -> dict[str, Tensor]:
        """Parameters under the names that ``Models`` uses, for live layers and dead ones alike."""
        found: dict[str, Tensor] = {"stem": self.stem.weight}

        def add_norm(name: str, norm: nn.BatchNorm2d) -> None:
            found.update({f"{name}.gain": norm.weight, f"{name}.offset": norm.bias})

        def add(name: str, layer: ReluConvNorm) -> None:
            found[name] = layer.conv.weight
            add_norm(name, layer.norm)

        add_norm("stem", self.stem_norm)
        add_norm("last", self.last)
        for i, reduction in enumerate(self.reductions, start=1):
            add(f"reduce{i}.a", reduction.a)
            add(f"reduce{i}.b", reduction.b)
            found[f"reduce{i}.shortcut"] = reduction.shortcut.weight
        for i, cell in enumerate(self.cells):
            for edge, conv in cell.convs.items():
                add(f"cell{i // self.per_stage}.{i % self.per_stage}.{edge}", conv)
        return found | {"classifier.weight": self.classifier.weight, "classifier.bias": self.classifier.bias}


def part_of(value: Tensor, model: int, models: int) -> Tensor:
    return value.detach().contiguous().view(models, -1)[model]


@pytest.mark.parametrize("text", CELLS)
def test_logits_gradients_and_a_step_equal_those_of_plain_modules(text: str) -> None:
    seeds = [3, 8, 21]
    models = Models(code_of(text), seeds, RECIPE, inputs=1, classes=10)
    generator = torch.Generator().manual_seed(0)
    for value in models.parameters.values():  # batch norm starts at 1 and 0, which would hide a mix-up
        value.data += 0.1 * torch.randn(value.shape, generator=generator)
    x = torch.randn(40, 3, 8, 8, generator=generator)
    y = torch.randint(10, (3, 40), generator=generator)
    plain = [PlainNetwork(text, RECIPE) for _ in seeds]
    for i, network in enumerate(plain):
        for name, parameter in network.named().items():
            if name in models.parameters:
                parameter.data = part_of(models.parameters[name], i, 3).reshape(parameter.shape).clone()

    logits = models.logits(x)
    F.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="sum").div(40).backward()  # type: ignore[no-untyped-call]
    torch.optim.SGD(models.parameters.values(), lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True).step()
    for i, network in enumerate(plain):
        expected = network(x[:, i : i + 1])
        torch.testing.assert_close(logits[i], expected, rtol=1e-4, atol=1e-5)
        F.cross_entropy(expected, y[i]).backward()  # type: ignore[no-untyped-call]
        torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True).step()
        for name, parameter in network.named().items():
            if name not in models.parameters:
                assert parameter.grad is None or not parameter.grad.any(), f"{name} is live and was left out"
                continue
            gradient = models.parameters[name].grad
            assert gradient is not None
            assert parameter.grad is not None
            ours = part_of(gradient, i, 3).reshape(parameter.shape)
            torch.testing.assert_close(ours, parameter.grad, rtol=1e-3, atol=1e-5)
            stepped = part_of(models.parameters[name], i, 3).reshape(parameter.shape)
            torch.testing.assert_close(stepped, parameter.data, rtol=1e-4, atol=1e-5)


def train(texts: list[str], seeds: list[int], images: ImageSet, recipe: Recipe = RECIPE) -> StandaloneResult:
    codes = np.array([code_of(text) for text in texts], dtype=np.uint8)
    return train_standalone(codes, np.array(seeds), images, recipe)


def test_the_same_request_gives_the_same_numbers(digits: ImageSet) -> None:
    first, second = (train([CELLS[0], CELLS[1], CELLS[0]], [0, 1, 2], digits) for _ in range(2))
    np.testing.assert_array_equal(first.test_accuracy_M, second.test_accuracy_M)
    np.testing.assert_array_equal(first.valid_accuracy_M, second.valid_accuracy_M)
    np.testing.assert_array_equal(first.final_loss_M, second.final_loss_M)


def test_a_model_does_not_depend_on_the_models_trained_with_it(digits: ImageSet) -> None:
    brief = Recipe(channels=3, cells=1, epochs=1, batch=100, learning_rate=0.05)
    together = train([CELLS[0], CELLS[2], CELLS[0], CELLS[0]], [5, 5, 1, 9], digits, brief)
    alone = [train([text], [seed], digits, brief).final_loss_M[0] for text, seed in ((CELLS[0], 1), (CELLS[2], 5))]
    np.testing.assert_allclose(together.final_loss_M[[2, 1]], alone, rtol=1e-3)
    assert len(set(together.final_loss_M.round(3))) == 4


def test_dead_edges_change_nothing(digits: ImageSet) -> None:
    dead = CELLS[2]
    live = "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"
    brief = Recipe(channels=3, epochs=1, batch=100)
    np.testing.assert_array_equal(
        train([dead], [4], digits, brief).test_accuracy_M, train([live], [4], digits, brief).test_accuracy_M
    )


def test_training_beats_chance_by_far_and_progress_is_told(digits: ImageSet) -> None:
    told: list[tuple[int, int]] = []
    codes = np.array([code_of(CELLS[0])] * 2, dtype=np.uint8)
    result = train_standalone(
        codes, np.array([0, 1]), digits, Recipe(epochs=6, shift=0), lambda done, total: told.append((done, total))
    )
    assert (result.test_accuracy_M > 60).all()
    assert (result.valid_accuracy_M > 60).all()
    assert (result.final_loss_M < np.log(10) / 2).all()
    assert told == [(2, 2)]


def test_divergence_is_an_error_not_a_number(digits: ImageSet) -> None:
    with pytest.raises(RunError, match=r"\|nor_conv_3x3~0\|.* with seed 7 diverged.*learning rate"):
        train([CELLS[0]], [7], digits, Recipe(epochs=1, learning_rate=1e30))


def test_requests_that_cannot_be_trained(digits: ImageSet) -> None:
    with pytest.raises(UsageError, match="no path from input to output"):
        train_standalone(np.zeros((1, 6), dtype=np.uint8), np.array([0]), digits, RECIPE)
    with pytest.raises(UsageError, match=r"expected codes \[2, 6\]"):
        train_standalone(np.ones((1, 6), dtype=np.uint8), np.array([0, 1]), digits, RECIPE)
    with pytest.raises(UsageError, match="less than one batch of 601"):
        train([CELLS[0]], [0], digits, Recipe(batch=601))
    with pytest.raises(UsageError, match="epochs is 0"):
        Recipe(epochs=0)
