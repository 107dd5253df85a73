"""Scoring of many architectures with trained weights: live cells and held-out images in, accuracy and loss out.

Architectures that share their live edges share every score, so only live cells are run. They are visited in the order
of their codes: the stem is computed once a batch, and the first cell keeps every edge output until the node it starts
from changes, so that of its up to six operations mostly only the last edge is new.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from nasbench_harness.errors import RunError
from nasbench_harness.images.batches import DeviceImages
from nasbench_harness.progress import Progress
from nasbench_harness.space import EDGES, NONE
from nasbench_harness.supernet.network import Cell, Code, Supernet, live_codes


@dataclass(frozen=True)
class Scores:
    """Both scoring signals of ``n`` architectures; higher is better.

    ``accuracy`` in percent and ``negative_loss`` (minus the mean cross-entropy in nats), float64 ``[n]``.
    """

    accuracy: np.ndarray
    negative_loss: np.ndarray


class _FirstCell:
    """The first cell on one batch, remembering edge outputs and nodes for as long as they stay true."""

    def __init__(self, cell: Cell, x_NCHW: Tensor) -> None:
        self.cell = cell
        self.nodes: list[Tensor | None] = [x_NCHW, None, None, None]
        self.made_from: list[tuple[int, ...]] = [(), (), (), ()]
        self.outputs: dict[tuple[int, int], Tensor] = {}

    def __call__(self, code: Code) -> Tensor:
        # Node t is decided by the edges that end in it or in an earlier node: e0 | e0..e2 | e0..e5.
        for node, decided in ((1, code[:1]), (2, code[:3]), (3, code)):
            if self.made_from[node] != decided:
                self.made_from[node] = decided
                self.nodes[node] = self._node(node, code)
                for edge, (source, _) in enumerate(EDGES):
                    if source == node:
                        for op in range(5):
                            self.outputs.pop((edge, op), None)
        output = self.nodes[3]
        return torch.zeros_like(self.nodes[0]) if output is None else output  # type: ignore[arg-type]

    def _node(self, node: int, code: Code) -> Tensor | None:
        total: Tensor | None = None
        for edge, (source, target) in enumerate(EDGES):
            x = self.nodes[source]
            if target != node or code[edge] == NONE or x is None:
                continue
            key = (edge, code[edge])
            if key not in self.outputs:
                self.outputs[key] = self.cell.operation(edge, code[edge], x)
            total = self.outputs[key] if total is None else total + self.outputs[key]
        return total


@torch.inference_mode()
def score_live_cells(
    network: Supernet,
    cells: np.ndarray,
    images: DeviceImages,
    batch_size: int,
    progress: Progress,
    route_A: np.ndarray | None = None,
) -> Scores:
    """Score live cells (our indices ``[n]``, ascending) on all ``images`` with the batch statistics of each batch.

    ``route_A`` ``[15625, cells]`` names the cell copies of each architecture. Reports one unit of progress for each
    cell. Raises ``RunError`` naming the first architecture whose loss is not finite.
    """
    network.eval()
    codes = live_codes(cells)
    default = network.first_route
    routes = [default] * len(codes) if route_A is None else [tuple(route) for route in route_A[cells].tolist()]
    device = images.labels.device
    correct = torch.zeros(len(codes), dtype=torch.int64, device=device)
    loss = torch.zeros(len(codes), dtype=torch.float64, device=device)
    batches = -(-len(images) // batch_size)
    for x_NCHW, labels in images.equal_batches(batch_size):
        stem = network.stem_output(x_NCHW.contiguous(memory_format=torch.channels_last))
        first: dict[int, _FirstCell] = {}
        for position, (code, route) in enumerate(zip(codes, routes, strict=True)):
            copy = route[0]
            if copy not in first:
                first[copy] = _FirstCell(network.cells[0][copy], stem)  # type: ignore[index]
            logits = network.after_first_cell(first[copy](code), code, route)
            correct[position] += (logits.argmax(1) == labels).sum()
            loss[position] += F.cross_entropy(logits, labels, reduction="sum")
            progress.advance(1 / batches)
    accuracy = 100.0 * correct.cpu().numpy() / len(images)
    negative_loss = -loss.cpu().numpy() / len(images)
    if not np.isfinite(negative_loss).all():
        bad = codes[int(np.argmin(np.isfinite(negative_loss)))]
        raise RunError(f"architecture {bad} scores a loss that is not finite; the supernet diverged, lower the rate")
    return Scores(accuracy, negative_loss)
