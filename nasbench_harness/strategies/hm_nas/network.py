"""A supernet whose cells add up all operations with weights, its binary masks, and the scoring of what they leave.

For HM-NAS: masks are real numbers cut at a threshold, their gradient passes straight through the cut.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from nasbench_harness.space import EDGES, NONE
from nasbench_harness.strategies.hm_nas.edges import INCOMING, MIXED
from nasbench_harness.strategies.hm_nas.native_mixture import mixing_kernels, mixture_logits
from nasbench_harness.supernet.native_engine.scoring import blocked_batches
from nasbench_harness.supernet.network import Cell, Code, Supernet, live_codes
from nasbench_harness.supernet.scoring.edge_cache import FirstCell, steps_of
from nasbench_harness.supernet.scoring.group_engine import Sharing
from nasbench_harness.supernet.scoring.scorable import Answer, IntArray
from nasbench_harness.supernet.scoring.scores import sharing_of


def binarise(real: Tensor, threshold: float, groups: Sequence[Sequence[int]] = ()) -> Tensor:
    """1 where ``real`` exceeds ``threshold``, else 0; gradients pass as if nothing was done (as Piggyback's code).

    Of each group of (flat) positions, which lie side by side, at least one is 1: the largest, where none exceeds the
    threshold.
    """
    hard = (real.detach() > threshold).to(real.dtype)
    for group in groups:
        # no number is read by the host, which would wait for the device
        own, values = hard.view(-1)[group[0] : group[-1] + 1], real.detach().reshape(-1)[group[0] : group[-1] + 1]
        largest = torch.zeros_like(own).scatter_(0, values.argmax(0, keepdim=True), 1.0)
        own.add_(torch.where((own == 0).all(), largest, 0.0))
    return hard + (real - real.detach())


class Mixture(nn.Module):
    """A supernet of which every edge adds up its four operations; shares the network's weights."""

    def __init__(self, network: Supernet) -> None:
        super().__init__()
        self.network = network

    def forward(self, x_NCHW: Tensor, weight_EM: Tensor, trained: bool = True) -> Tensor:
        """Logits ``[N, classes]``; ``weight_EM`` ``[6, 4]``: edges, and operations in the order of ``MIXED``.

        ``trained``: whether gradients of the network's weights will be asked for, which cost time.
        """
        native = mixing_kernels(self.network, x_NCHW)
        if native is not None:
            return mixture_logits(native, self.network, x_NCHW, weight_EM, trained)
        rows = [row.unbind() for row in weight_EM.unbind()]
        stem = self.network.stem_output(x_NCHW)
        return _after_stem(self.network, stem, lambda cell, _, x: _mixed_cell(cell, x, rows))


def _after_stem(network: Supernet, x_NCHW: Tensor, run: Callable[[Cell, int, Tensor], Tensor]) -> Tensor:
    """Logits from the output of the stem when ``run`` computes each cell, given its position."""
    for position, (reduction, cell) in enumerate(network.along(network.first_route)):
        x_NCHW = run(cell, position, x_NCHW if reduction is None else reduction(x_NCHW))
    return network.head(x_NCHW)


def _mixed_cell(cell: Cell, x_NCHW: Tensor, weights: Sequence[Sequence[Tensor]]) -> Tensor:
    nodes = [x_NCHW]
    for incoming in INCOMING:
        total: Tensor | None = None
        for edge in incoming:
            source = nodes[EDGES[edge][0]]
            for op, weight in zip(MIXED, weights[edge], strict=True):
                y = weight * cell.operation(edge, op, source)
                total = y if total is None else total + y
        assert total is not None
        nodes.append(total)
    return nodes[3]


def _weighted_cell(cell: Cell, x_NCHW: Tensor, code: Code, weights: Sequence[float]) -> Tensor:
    """One operation an edge, times the edge's weight; an edge of weight 0 is absent."""
    nodes: list[Tensor | None] = [x_NCHW]
    for incoming in INCOMING:
        total: Tensor | None = None
        for edge in incoming:
            source = nodes[EDGES[edge][0]]
            if source is None or code[edge] == NONE or weights[edge] == 0:
                continue
            y = cell.operation(edge, code[edge], source)
            weighted = y if weights[edge] == 1 else weights[edge] * y
            total = weighted if total is None else total + weighted
        nodes.append(total)
    output = nodes[3]
    return torch.zeros_like(x_NCHW) if output is None else output


@dataclass(frozen=True, eq=False)
class WeightedScorable:
    """A supernet whose edges count with ``edge_weight_E`` ``[6]``; 0 = masked, 1 everywhere = a plain supernet.

    Every live cell is run: with weights, two that agree as functions do so no longer.
    """

    network: Supernet
    edge_weight_E: np.ndarray

    def functions(self, cells: IntArray) -> IntArray:
        """See ``Scorable``."""
        return cells

    def runs(self, cells: IntArray) -> tuple[Sequence[Code], IntArray]:
        """See ``Scorable``."""
        return live_codes(cells), np.arange(len(cells))

    def engine(self) -> Callable[[Tensor], Answer]:
        """See ``Scorable``."""
        network, weights = self.network, self._weights
        blocked, route = blocked_batches(network, weights), network.first_route

        def on_batch(x_NCHW: Tensor) -> Answer:
            ready = blocked(x_NCHW)
            if ready is not None:
                return lambda code: ready(code, route)
            stem = network.stem_output(x_NCHW.contiguous(memory_format=torch.channels_last))
            cell: Cell = network.cells[0][0]  # type: ignore[index]
            first = FirstCell(lambda op, edge, relu: cell.convolve(edge, op, relu), stem, weights)

            def answer(code: Code) -> Tensor:
                def run(cell: Cell, position: int, x: Tensor) -> Tensor:
                    return _weighted_cell(cell, x, code, weights) if position else first(steps_of(code))

                return _after_stem(network, stem, run)

            return answer

        return on_batch

    def sharing(self) -> Sharing:
        """See ``Groupable``."""
        route, plain = self.network.first_route, sharing_of(self.network, self._weights)
        return replace(plain, member=lambda code: (steps_of(code), route))

    def logits(self, x_NCHW: Tensor, cell: int) -> Tensor:
        """See ``Scorable``."""
        [code], weights = live_codes(np.array([cell])), self._weights
        stem = self.network.stem_output(x_NCHW)
        return _after_stem(self.network, stem, lambda cell, _, x: _weighted_cell(cell, x, code, weights))

    @property
    def _weights(self) -> list[float]:
        return [float(weight) for weight in self.edge_weight_E]
