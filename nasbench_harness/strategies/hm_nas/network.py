"""A supernet whose cells add up all operations with weights, its binary masks, and the scoring of what they leave.

For HM-NAS: masks are real numbers cut at a threshold, their gradient passes straight through the cut.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nasbench_harness.images.batches import DeviceImages
from nasbench_harness.space import CONV_1X1, CONV_3X3, EDGES, NONE, POOL, SKIP
from nasbench_harness.supernet.network import Cell, Code, Supernet, live_codes
from nasbench_harness.supernet.scoring.scores import Scores, counted
from nasbench_harness.system.progress import Progress

MIXED = (SKIP, CONV_1X1, CONV_3X3, POOL)
"""Operations of a mixture, in the order of its columns; ``none`` is what a masked edge is."""

INCOMING = tuple(tuple(e for e, (_, target) in enumerate(EDGES) if target == node) for node in (1, 2, 3))
"""The edges that end in each node but the first."""

DECIDED = (0, 1, 3)
"""Leading edges of a code that decide nodes 0, 1 and 2."""


def binarise(real: Tensor, threshold: float, groups: Sequence[Sequence[int]] = ()) -> Tensor:
    """1 where ``real`` exceeds ``threshold``, else 0; gradients pass as if nothing was done (as Piggyback's code).

    Of each group of (flat) positions at least one is 1: the largest, where none exceeds the threshold.
    """
    hard = (real.detach() > threshold).to(real.dtype)
    for group in groups:
        positions = torch.as_tensor(group, device=real.device)
        values = real.detach().reshape(-1)[positions]
        if not bool((values > threshold).any()):
            hard.view(-1)[positions[values.argmax()]] = 1.0
    return hard + (real - real.detach())


class Mixture(nn.Module):
    """A supernet of which every edge adds up its four operations; shares the network's weights."""

    def __init__(self, network: Supernet) -> None:
        super().__init__()
        self.network = network

    def forward(self, x_NCHW: Tensor, weight_EM: Tensor) -> Tensor:
        """Logits ``[N, classes]``; ``weight_EM`` ``[6, 4]``: edges, and operations in the order of ``MIXED``."""
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


Operate = Callable[[int, int, Tensor], Tensor]


def _weighted_cell(operate: Operate, x_NCHW: Tensor, code: Code, weights: Sequence[float]) -> Tensor:
    """One operation an edge, times the edge's weight; an edge of weight 0 is absent."""
    nodes: list[Tensor | None] = [x_NCHW]
    for incoming in INCOMING:
        total: Tensor | None = None
        for edge in incoming:
            source = nodes[EDGES[edge][0]]
            if source is None or code[edge] == NONE or weights[edge] == 0:
                continue
            y = operate(edge, code[edge], source)
            weighted = y if weights[edge] == 1 else weights[edge] * y
            total = weighted if total is None else total + weighted
        nodes.append(total)
    output = nodes[3]
    return torch.zeros_like(x_NCHW) if output is None else output


class Weighted(nn.Module):
    """A supernet run as one architecture whose edges count with ``edge_weight_E`` ``[6]``; shares its weights."""

    def __init__(self, network: Supernet, edge_weight_E: np.ndarray) -> None:
        super().__init__()
        self.network, self.weights = network, [float(weight) for weight in edge_weight_E]

    def forward(self, x_NCHW: Tensor, code: Code, route: Sequence[int] | None = None) -> Tensor:
        """Logits ``[N, classes]`` of a code whose dead edges are ``none``; there are no copies to route to."""
        return self.after_stem(self.network.stem_output(x_NCHW), code)

    def after_stem(self, stem_NCHW: Tensor, code: Code, first: Operate | None = None) -> Tensor:
        """Logits from the output of the stem; ``first``, when given, computes the operations of the first cell."""

        def run(cell: Cell, position: int, x: Tensor) -> Tensor:
            return _weighted_cell(first if first and not position else cell.operation, x, code, self.weights)

        return _after_stem(self.network, stem_NCHW, run)


@dataclass
class _Kept:
    """Operations of the first cell, kept while the node they start from stays what it is.

    Codes must come in ascending order, so that neighbours share their leading edges.
    """

    cell: Cell
    code: Code = ()
    outputs: dict[int, tuple[Code, dict[int, Tensor]]] = field(default_factory=dict)

    def __call__(self, edge: int, op: int, x_NCHW: Tensor) -> Tensor:
        decided = self.code[: DECIDED[EDGES[edge][0]]]
        if edge not in self.outputs or self.outputs[edge][0] != decided:
            self.outputs[edge] = (decided, {})
        known = self.outputs[edge][1]
        if op not in known:
            known[op] = self.cell.operation(edge, op, x_NCHW)
        return known[op]


@torch.inference_mode()
def score_weighted_cells(
    network: Supernet,
    cells: np.ndarray,
    edge_weight_E: np.ndarray,
    images: DeviceImages,
    batch_size: int,
    progress: Progress,
) -> Scores:
    """Score live cells (our indices ``[n]``, ascending) whose edges count with ``edge_weight_E`` ``[6]``; 0 = masked.

    With all weights 1 the numbers are those of ``score_live_cells``. Every live cell is run: with weights, two that
    agree as functions do so no longer. Raises ``RunError`` where a loss is not finite.
    """
    network.eval()
    codes, weighted = live_codes(cells), Weighted(network, edge_weight_E)
    device = images.labels.device
    correct = torch.zeros(len(codes), dtype=torch.int64, device=device)
    loss = torch.zeros(len(codes), dtype=torch.float64, device=device)
    batches = -(-len(images) // batch_size)
    for x_NCHW, labels in images.equal_batches(batch_size):
        stem = network.stem_output(x_NCHW.contiguous(memory_format=torch.channels_last))
        first = _Kept(network.cells[0][0])  # type: ignore[index]
        for row, code in enumerate(codes):
            first.code = code
            logits = weighted.after_stem(stem, code, first)
            correct[row] += (logits.argmax(1) == labels).sum()
            loss[row] += F.cross_entropy(logits, labels, reduction="sum")
            progress.advance(1 / batches)
    return counted(correct, loss, len(images), cells)
