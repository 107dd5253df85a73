"""Scoring with the network of CLOSE: live cells and the blocks of their edges in, accuracy and loss out.

Edges that choose one block share its weights, so more cells compute the same function than in a supernet: with one
block all those that the architecture alone does not tell apart. Each function is run once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from nasbench_harness.images.batches import DeviceImages
from nasbench_harness.space import CONV_1X1, CONV_3X3, EDGES, NONE, POOL, SKIP, index_to_code, live_cell_of, live_cells
from nasbench_harness.strategies.close.network import GlowCell, GlowNetwork
from nasbench_harness.supernet.network import live_codes
from nasbench_harness.supernet.operations import avg_pool_3x3
from nasbench_harness.supernet.scoring.functions import cell_function
from nasbench_harness.supernet.scoring.scores import Scores, counted
from nasbench_harness.system.progress import Progress

MOST_REMEMBERED = 1 << 26
"""Bytes of outputs of the first cell that are kept."""

Step = tuple[int, int]
"""Operation of an edge, and the block it computes with (0 where there is no convolution)."""


def glow_representatives(block_AE: np.ndarray) -> np.ndarray:
    """For every architecture the smallest live cell with the same function under ``block_AE`` ``[15625, 6]``."""
    cells = live_cells()
    first: dict[object, int] = {}
    stands_for_A = np.zeros(len(block_AE), dtype=np.int64)
    for cell, code, blocks in zip(cells.tolist(), index_to_code(cells).tolist(), block_AE[cells].tolist(), strict=True):
        stands_for_A[cell] = first.setdefault(cell_function(tuple(code), blocks), cell)
    found: np.ndarray = stands_for_A[live_cell_of()]
    return found


class FirstGlowCell:
    """The first cell on one batch, remembering nodes and outputs that neighbouring architectures share."""

    def __init__(self, cell: GlowCell, x_NCHW: Tensor) -> None:
        self.cell = cell
        self.nodes: list[Tensor | None] = [x_NCHW, None, None]
        self.relus: list[Tensor | None] = [None] * 3
        self.made_from: list[tuple[Step, ...]] = [()] * 3
        self.outputs: dict[tuple[int, Step], Tensor] = {}

    def __call__(self, steps: tuple[Step, ...]) -> Tensor:
        """Output of the cell; not to be written to, it may be kept here."""
        for node, decided in ((1, steps[:1]), (2, steps[:3])):
            if self.made_from[node] != decided:
                self.made_from[node] = decided
                self.nodes[node], self.relus[node] = self._sum(steps, node), None
                self.outputs = {key: output for key, output in self.outputs.items() if key[0] != node}
        output = self._sum(steps, 3)
        return torch.zeros_like(self.nodes[0]) if output is None else output  # type: ignore[arg-type]

    def _sum(self, steps: tuple[Step, ...], node: int) -> Tensor | None:
        total: Tensor | None = None
        for step, (source, target) in zip(steps, EDGES, strict=True):
            x = self.nodes[source] if source < 3 else None
            if target != node or step[0] == NONE or x is None:
                continue
            y = x if step[0] == SKIP else self._output(source, step, x)
            total = y if total is None else total + y
        return total

    def _output(self, source: int, step: Step, x_NCHW: Tensor) -> Tensor:
        output = self.outputs.pop((source, step), None)
        if output is None:
            if step[0] == POOL:
                output = avg_pool_3x3(x_NCHW)
            else:
                relu = self.relus[source]
                if relu is None:
                    relu = self.relus[source] = F.relu(x_NCHW)
                output = self.cell.convolve(*step, relu)
            size = output.numel() * output.element_size()
            while self.outputs and (len(self.outputs) + 1) * size > MOST_REMEMBERED:
                del self.outputs[next(iter(self.outputs))]
        self.outputs[source, step] = output  # at the end: the most recently used
        return output


def steps_of(code: Sequence[int], blocks: Sequence[int]) -> tuple[Step, ...]:
    """Operation and block of every edge; edges that differ in the block of no convolution are the same."""
    return tuple((op, block if op in (CONV_1X1, CONV_3X3) else 0) for op, block in zip(code, blocks, strict=True))


@torch.inference_mode()
def score_glow_cells(
    network: GlowNetwork,
    cells: np.ndarray,
    block_AE: np.ndarray,
    stands_for_A: np.ndarray,
    images: DeviceImages,
    batch_size: int,
    progress: Progress,
) -> Scores:
    """Score live cells (our indices ``[n]``) on all ``images`` with the batch statistics of each batch.

    ``block_AE`` ``[15625, 6]`` are the blocks of every architecture, ``stands_for_A`` its ``glow_representatives``.
    Computes in ``network.precision``; reports one unit of progress for each cell. Raises ``RunError`` naming the first
    architecture whose loss is not finite.
    """
    network.eval()
    runs, position_of = np.unique(stands_for_A[cells], return_inverse=True)
    steps = [steps_of(code, blocks) for code, blocks in zip(live_codes(runs), block_AE[runs].tolist(), strict=True)]
    order = sorted(range(len(runs)), key=steps.__getitem__)
    device = images.labels.device
    correct = torch.zeros(len(runs), dtype=torch.int64, device=device)
    loss = torch.zeros(len(runs), dtype=torch.float64, device=device)
    batches = -(-len(images) // batch_size)
    for x_NCHW, labels in images.equal_batches(batch_size):
        stem = network.stem_output(x_NCHW.contiguous(memory_format=torch.channels_last))
        first = FirstGlowCell(network.cells[0][0], stem)  # type: ignore[index]
        for run in order:
            code, blocks = zip(*steps[run], strict=True)
            logits = network.after_first_cell(first(steps[run]), code, blocks)
            correct[run] += (logits.argmax(1) == labels).sum()
            loss[run] += F.cross_entropy(logits, labels, reduction="sum")
            progress.advance(len(cells) / len(runs) / batches)
    return counted(correct[position_of], loss[position_of], len(images), cells)
