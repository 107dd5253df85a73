"""One architecture with freshly drawn weights of its own: the network that training-free predictors look at.

The same macro net as ``Supernet`` without the other operations. Batch norm has no affine part, which is what the affine
batch norm of NAS-Bench-201 is before the first step. All weights lie in one flat vector, so that drawing them and
taking their gradients is one operation each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from nasbench_harness.space import CONV_1X1, CONV_3X3, EDGES, N_STAGES, NONE, SKIP
from nasbench_harness.supernet.network import Code, NetworkShape
from nasbench_harness.supernet.operations import avg_pool_3x3, batch_norm

Initialisation = Literal["pytorch", "he"]
Layer = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class LayerShape:
    """Name of a convolution (or ``classifier``), and its outputs, inputs and side of the kernel."""

    name: str
    outputs: int
    inputs: int
    kernel: int

    @property
    def fan_in(self) -> int:
        """Numbers that make one output."""
        return self.inputs * self.kernel**2

    @property
    def size(self) -> int:
        """Weights of the layer."""
        return prod((self.outputs, self.inputs, self.kernel, self.kernel))


def layer_shapes(code: Code, shape: NetworkShape) -> list[LayerShape]:
    """The layers with weights of an architecture whose dead edges are ``none``, from the stem to the classifier."""
    width = shape.channels
    layers = [LayerShape("stem", width, shape.image_channels, 3)]
    for stage in range(N_STAGES):
        if stage:
            layers.append(LayerShape(f"reduce{stage}.a", 2 * width, width, 3))
            layers.append(LayerShape(f"reduce{stage}.b", 2 * width, 2 * width, 3))
            layers.append(LayerShape(f"reduce{stage}.shortcut", 2 * width, width, 1))
            width *= 2
        for cell in range(shape.cells):
            for edge, op in enumerate(code):
                if op in (CONV_1X1, CONV_3X3):
                    layers.append(LayerShape(f"cell{stage}.{cell}.{edge}", width, width, 3 if op == CONV_3X3 else 1))
    layers.append(LayerShape("classifier", shape.classes, width, 1))
    return layers


class UntrainedNetwork:
    """A network of one architecture at initialisation.

    ``layers`` names the convolutions and the classifier; ``flat`` holds their weights one after the other (``weights``
    are views of it by name), ``bias`` those of the classifier. ``norm`` and ``relu`` may be replaced, to leave batch
    norm out or to watch what goes into every ReLU; one call of ``relu`` is one ReLU of the literal network.
    """

    def __init__(
        self,
        code: Code,
        shape: NetworkShape,
        seed: int,
        initialisation: Initialisation = "pytorch",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Draw the weights from ``seed``.

        ``pytorch``: uniform within 1/sqrt(fan in), PyTorch's own. ``he``: normal with variance 2/(fan in), no bias.
        """
        self.code, self.shape = code, shape
        self.layers = layer_shapes(code, shape)
        self.sizes = [layer.size for layer in self.layers]
        self.generator = torch.Generator().manual_seed(seed)
        self.flat = torch.empty(sum(self.sizes))
        self.bias = torch.zeros(shape.classes)
        if initialisation == "he":
            self.flat.normal_(generator=self.generator)
        else:
            self.flat.uniform_(-1.0, 1.0, generator=self.generator)
            self.bias.uniform_(-1.0, 1.0, generator=self.generator).mul_(self.layers[-1].fan_in ** -0.5)
        gain = 2.0 if initialisation == "he" else 1.0
        for layer, weight in zip(self.layers, torch.split(self.flat, self.sizes), strict=True):
            weight.mul_((gain / layer.fan_in) ** 0.5)
        self.norm: Layer = batch_norm
        self.relu: Layer = F.relu
        self.flat, self.bias = self.flat.to(dtype), self.bias.to(dtype)
        self.weights: dict[str, Tensor] = {}
        self._view()

    def set_weights(self, flat: Tensor) -> None:
        """Put other weights in place; gradients then go to ``flat`` if it asks for them."""
        self.flat = flat
        self._view()

    def _view(self) -> None:
        for layer, weight in zip(self.layers, torch.split(self.flat, self.sizes), strict=True):
            # numbers of a kernel's pixel lie together: channels-last memory, as the activations have it
            rows = weight.view(layer.outputs, layer.kernel, layer.kernel, layer.inputs)
            self.weights[layer.name] = rows.permute(0, 3, 1, 2)

    def _convolve(self, name: str, x_NCHW: Tensor, stride: int = 1) -> Tensor:
        weight = self.weights[name]
        return self.norm(F.conv2d(self.relu(x_NCHW), weight, None, stride, weight.shape[2] // 2))

    def _cell(self, name: str, x_NCHW: Tensor) -> Tensor:
        nodes: list[Tensor | None] = [x_NCHW, None, None, None]
        for edge, (source, target) in enumerate(EDGES):
            x, op = nodes[source], self.code[edge]
            if op == NONE or x is None:
                continue
            if op == SKIP:
                y = x
            else:
                y = self._convolve(f"{name}.{edge}", x) if op in (CONV_1X1, CONV_3X3) else avg_pool_3x3(x)
            so_far = nodes[target]
            nodes[target] = y if so_far is None else so_far + y
        output = nodes[3]
        return torch.zeros_like(x_NCHW) if output is None else output

    def _reduction(self, name: str, x_NCHW: Tensor) -> Tensor:
        main = self._convolve(f"{name}.b", self._convolve(f"{name}.a", x_NCHW, stride=2))
        return main + F.conv2d(F.avg_pool2d(x_NCHW, 2), self.weights[f"{name}.shortcut"])

    def features(self, x_NCHW: Tensor) -> list[Tensor]:
        """Output of the stem, and of every cell and residual block after it."""
        outputs = [self.norm(F.conv2d(x_NCHW, self.weights["stem"], padding=1))]
        for stage in range(N_STAGES):
            if stage:
                outputs.append(self._reduction(f"reduce{stage}", outputs[-1]))
            for cell in range(self.shape.cells):
                outputs.append(self._cell(f"cell{stage}.{cell}", outputs[-1]))
        return outputs

    def __call__(self, x_NCHW: Tensor) -> Tensor:
        """Logits ``[N, classes]``."""
        pixels = self.relu(self.norm(self.features(x_NCHW)[-1])).mean((2, 3))
        return F.linear(pixels, self.weights["classifier"].flatten(1), self.bias)
