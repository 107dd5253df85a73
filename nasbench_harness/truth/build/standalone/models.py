"""Several stand-alone networks of one architecture side by side, each with its own weights.

Their channels lie next to each other: every convolution is one grouped convolution with a group per model, and batch
norm, which works per channel, keeps the models apart by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from nasbench_harness.errors import UsageError
from nasbench_harness.seeding import derive_seed
from nasbench_harness.space import (
    CONV_1X1,
    CONV_3X3,
    EDGES,
    N_STAGES,
    NONE,
    POOL,
    SKIP,
    code_to_index,
    connected,
    format_architecture,
    live_edges,
)
from nasbench_harness.truth.build.standalone.recipe import Recipe

Code = tuple[int, ...]


class Models:
    """One architecture with one set of weights per seed; ``parameters`` are leaf tensors, models along dimension 0.

    ``code``: operation per edge; dead edges are dropped here (a convolution that the input does not reach would add a
    learned constant in the literal network, the offset of its batch norm; here it adds nothing). As in the
    benchmark's code batch norm is affine and convolutions have no bias; the initial weights are uniform within
    1/sqrt(fan in), PyTorch's own.
    """

    def __init__(self, code: Sequence[int], seeds: Sequence[int], recipe: Recipe, inputs: int, classes: int) -> None:
        index = int(code_to_index(np.asarray(code, dtype=np.int64)))
        if not connected()[index]:
            raise UsageError(f"{format_architecture(index)} has no path from input to output: it cannot be trained")
        self.code: Code = tuple(int(op) if live else NONE for op, live in zip(code, live_edges()[index], strict=True))
        self.seeds = tuple(int(seed) for seed in seeds)
        self.cells = recipe.cells
        self.parameters: dict[str, Tensor] = {}
        c = recipe.channels
        self._add_convolution("stem", inputs, c, 3)
        for stage in range(N_STAGES):
            if stage:
                self._add_convolution(f"reduce{stage}.a", c, 2 * c, 3)
                self._add_convolution(f"reduce{stage}.b", 2 * c, 2 * c, 3)
                self._add_convolution(f"reduce{stage}.shortcut", c, 2 * c, 1, norm=False)
                c *= 2
            for cell in range(recipe.cells):
                for edge, op in enumerate(self.code):
                    if op in (CONV_1X1, CONV_3X3):
                        self._add_convolution(f"cell{stage}.{cell}.{edge}", c, c, 3 if op == CONV_3X3 else 1)
        self._add_norm("last", c)
        self._add("classifier.weight", self._uniform("classifier", (1, classes, c), c))
        self._add("classifier.bias", torch.zeros(len(self.seeds), classes))

    def _uniform(self, layer: str, shape: tuple[int, ...], fan_in: int) -> Tensor:
        draws = []
        for seed in self.seeds:
            generator = torch.Generator().manual_seed(derive_seed("stand-alone", seed, layer, *shape))
            draws.append(torch.empty(shape).uniform_(-(fan_in**-0.5), fan_in**-0.5, generator=generator))
        return torch.cat(draws)

    def _add(self, name: str, value: Tensor) -> None:
        self.parameters[name] = value.requires_grad_()

    def _add_norm(self, name: str, channels: int) -> None:
        self._add(f"{name}.gain", torch.ones(len(self.seeds) * channels))
        self._add(f"{name}.offset", torch.zeros(len(self.seeds) * channels))

    def _add_convolution(self, name: str, inputs: int, outputs: int, kernel: int, norm: bool = True) -> None:
        weight = self._uniform(name, (outputs, inputs, kernel, kernel), inputs * kernel * kernel)
        self._add(name, weight.contiguous(memory_format=torch.channels_last))
        if norm:
            self._add_norm(name, outputs)

    def _norm(self, name: str, x: Tensor) -> Tensor:
        gain, offset = self.parameters[f"{name}.gain"], self.parameters[f"{name}.offset"]
        return F.batch_norm(x, None, None, gain, offset, training=True)

    def _convolve(self, name: str, x: Tensor, stride: int = 1) -> Tensor:
        weight = self.parameters[name]
        x = F.conv2d(x, weight, None, stride, weight.shape[2] // 2, 1, len(self.seeds))
        return self._norm(name, x) if f"{name}.gain" in self.parameters else x

    def _cell(self, name: str, x: Tensor) -> Tensor:
        nodes: list[Tensor | None] = [x, None, None, None]
        rectified: dict[int, Tensor] = {}  # edges that leave the same node share its ReLU and its pooling
        pooled: dict[int, Tensor] = {}
        for edge, (source, target) in enumerate(EDGES):
            op, x_source = self.code[edge], nodes[source]
            if op == NONE or x_source is None:
                continue
            if op == SKIP:
                y = x_source
            elif op == POOL:
                if source not in pooled:
                    pooled[source] = F.avg_pool2d(x_source, 3, 1, 1, count_include_pad=False)
                y = pooled[source]
            else:
                if source not in rectified:
                    rectified[source] = F.relu(x_source)
                y = self._convolve(f"{name}.{edge}", rectified[source])
            before = nodes[target]
            nodes[target] = y if before is None else before + y
        assert nodes[3] is not None  # a path exists: checked at construction
        return nodes[3]

    def logits(self, x: Tensor) -> Tensor:
        """Logits ``[models, B, classes]`` of images ``[B, models * C, H, W]`` (each model its own images)."""
        x = self._convolve("stem", x)
        for stage in range(N_STAGES):
            if stage:
                y = self._convolve(f"reduce{stage}.a", F.relu(x), stride=2)
                y = self._convolve(f"reduce{stage}.b", F.relu(y))
                x = y + self._convolve(f"reduce{stage}.shortcut", F.avg_pool2d(x, 2))
            for cell in range(self.cells):
                x = self._cell(f"cell{stage}.{cell}", x)
        pixels = F.relu(self._norm("last", x)).mean((2, 3))
        weight, bias = self.parameters["classifier.weight"], self.parameters["classifier.bias"]
        weight = weight.view(len(self.seeds), -1, weight.shape[-1])
        return torch.baddbmm(
            bias[:, None], pixels.view(len(x), len(self.seeds), -1).transpose(0, 1), weight.transpose(1, 2)
        )
