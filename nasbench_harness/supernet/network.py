"""The weight-sharing NAS-Bench-201 network: images and one architecture in, logits out.

Stem, three stages of searchable cells with a stride-2 residual block between them, batch norm, ReLU, mean over pixels,
linear layer, as in the benchmark's code. All cells use the same architecture; only operations on live edges are
computed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nasbench_harness.space import N_STAGES, index_to_code, live_cell_of
from nasbench_harness.supernet.layers import (
    Cell,
    Code,
    NetworkShape,
    Precision,
    Reduction,
    convolution,
    new_convolution,
)
from nasbench_harness.supernet.native_engine.autograd import kernels_for, logits_of, used_weights
from nasbench_harness.supernet.operations import batch_norm

__all__ = ["Cell", "Code", "NetworkShape", "Precision", "Reduction", "Supernet", "live_codes", "parameter_count"]


def live_codes(indices: np.ndarray) -> list[Code]:
    """Codes of architectures (our indices ``[n]``) with every dead edge set to ``none``, as tuples of int."""
    return [tuple(code) for code in index_to_code(live_cell_of()[indices]).tolist()]


class Supernet(nn.Module):
    """The whole network; ``route`` names for each cell which of its copies to use (default: the first).

    ``precision`` may be set at any time; it is no part of the weights and not stored with them.
    """

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.shape = shape
        copies = shape.copies or (1,) * shape.cell_count
        c = shape.channels
        self.stem = new_convolution(shape.image_channels, c, 3)
        self.cells = nn.ModuleList(
            nn.ModuleList(Cell(c * 2 ** (position // shape.cells)) for _ in range(number))
            for position, number in enumerate(copies)
        )
        self.reductions = nn.ModuleList(Reduction(c * 2**stage) for stage in range(N_STAGES - 1))
        self.classifier = nn.Linear(c * 2 ** (N_STAGES - 1), shape.classes)
        self.first_route: tuple[int, ...] = (0,) * shape.cell_count
        self.precision: Precision = "float32"

    @property
    def activation_dtype(self) -> torch.dtype:
        """What activations are computed in: bfloat16 if that is the precision, otherwise as the weights are stored."""
        return torch.bfloat16 if self.precision == "bfloat16" else self.stem.dtype

    @property
    def copies(self) -> list[list[Cell]]:
        """The cells by position, each with its copies."""
        return [list(cells) for cells in self.cells]  # type: ignore[call-overload]

    def along(self, route: Sequence[int]) -> Iterator[tuple[Reduction | None, Cell]]:
        """The cells of a route in order, each with the reduction that comes before it, where one does."""
        for position, (copies, chosen) in enumerate(zip(self.copies, route, strict=True)):
            stage, within = divmod(position, self.shape.cells)
            before = self.reductions[stage - 1] if stage and not within else None
            yield before, copies[chosen]  # type: ignore[misc]

    def weights_of(self, code: Code, route: Sequence[int] | None = None) -> list[Tensor]:
        """Every weight that an architecture uses; of a code with its dead edges left in, those of dead edges too."""
        classifier: list[Tensor] = [self.classifier.weight, self.classifier.bias]
        return [*used_weights(self, code, self.first_route if route is None else route), *classifier]

    def stem_output(self, x_NCHW: Tensor) -> Tensor:
        """Input of the first cell, the same for all architectures."""
        return batch_norm(convolution(x_NCHW.to(self.activation_dtype), self.stem, padding=1))

    def after_first_cell(self, x_NCHW: Tensor, code: Code, route: Sequence[int]) -> Tensor:
        """Logits ``[N, classes]`` from the first cell's output."""
        for reduction, cell in islice(self.along(route), 1, None):
            x_NCHW = cell(x_NCHW if reduction is None else reduction(x_NCHW), code)
        return self.head(x_NCHW)

    def head(self, x_NCHW: Tensor) -> Tensor:
        """Logits ``[N, classes]`` from the output of the last cell."""
        features: Tensor = F.relu(batch_norm(x_NCHW)).mean((2, 3), dtype=self.classifier.weight.dtype)
        logits: Tensor = self.classifier(features)
        return logits

    def forward(self, x_NCHW: Tensor, code: Code, route: Sequence[int] | None = None) -> Tensor:
        """Logits ``[N, classes]`` of one architecture, given as a code whose dead edges are ``none``."""
        route = self.first_route if route is None else route
        native = kernels_for(self, x_NCHW)
        if native is not None:
            return logits_of(native, self, x_NCHW, code, route)
        first: Cell = self.cells[0][route[0]]  # type: ignore[index]
        return self.after_first_cell(first(self.stem_output(x_NCHW), code), code, route)


def parameter_count(network: nn.Module) -> int:
    """Trainable numbers in the network."""
    return sum(parameter.numel() for parameter in network.parameters())


def weights_digest(network: nn.Module) -> str:
    """16 hexadecimal digits of all weights and buffers: equal for networks that are equal to the last bit."""
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
