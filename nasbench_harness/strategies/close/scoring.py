"""How architectures use the network of CLOSE when they are scored.

Edges that choose one block share its weights, so more cells compute the same function than in a supernet: with one
block all those that the architecture alone does not tell apart. Each function is run once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from nasbench_harness.space import index_to_code, live_cell_of, live_cells
from nasbench_harness.strategies.close.network import CloseCell, CloseNetwork
from nasbench_harness.supernet.network import live_codes
from nasbench_harness.supernet.scoring.edge_cache import FirstCell, Step, steps_of
from nasbench_harness.supernet.scoring.functions import cell_function
from nasbench_harness.supernet.scoring.group_engine import Sharing
from nasbench_harness.supernet.scoring.scorable import Answer, IntArray

Run = tuple[Step, ...]


def representatives(block_AE: np.ndarray) -> np.ndarray:
    """For every architecture the smallest live cell with the same function under ``block_AE`` ``[15625, 6]``."""
    cells = live_cells()
    first: dict[object, int] = {}
    stands_for_A = np.zeros(len(block_AE), dtype=np.int64)
    for cell, code, blocks in zip(cells.tolist(), index_to_code(cells).tolist(), block_AE[cells].tolist(), strict=True):
        stands_for_A[cell] = first.setdefault(cell_function(tuple(code), blocks), cell)
    found: np.ndarray = stands_for_A[live_cell_of()]
    return found


@dataclass(frozen=True, eq=False)
class CloseScorable:
    """The network with the blocks of every architecture, ``[15625, 6]``, and their ``representatives``."""

    network: CloseNetwork
    block_AE: np.ndarray
    stands_for_A: np.ndarray

    @classmethod
    def of(cls, network: CloseNetwork, block_AE: np.ndarray) -> CloseScorable:
        """The network with these blocks."""
        return cls(network, block_AE, representatives(block_AE))

    def functions(self, cells: IntArray) -> IntArray:
        """See ``Scorable``."""
        return np.asarray(self.stands_for_A[cells])

    def runs(self, cells: IntArray) -> tuple[Sequence[Run], IntArray]:
        """Operation and block of every edge; edges that differ in the block of no convolution are the same."""
        distinct, position_of = np.unique(self.stands_for_A[cells], return_inverse=True)
        blocks = self.block_AE[distinct].tolist()
        steps = [steps_of(code, chosen) for code, chosen in zip(live_codes(distinct), blocks, strict=True)]
        order = sorted(range(len(steps)), key=steps.__getitem__)
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        return [steps[position] for position in order], place[position_of]

    def engine(self) -> Callable[[Tensor], Answer]:
        """See ``Scorable``; computes in ``network.precision``."""
        network = self.network

        def on_batch(x_NCHW: Tensor) -> Answer:
            stem = network.stem_output(x_NCHW.contiguous(memory_format=torch.channels_last))
            cell: CloseCell = network.cells[0][0]  # type: ignore[index]
            first = FirstCell(cell.convolve, stem)

            def answer(run: Run) -> Tensor:
                code, blocks = zip(*run, strict=True)
                return network.after_first_cell(first(run), code, blocks)

            return answer

        return on_batch

    def sharing(self) -> Sharing:
        """See ``Groupable``: cells have no copies, the blocks are the sets of weights."""
        first = (0,) * self.network.shape.cell_count
        cells: list[CloseCell] = [copies[0] for copies in self.network.cells]  # type: ignore[index]

        def weight(position: int, copy: int, op: int, block: int) -> Tensor:
            found: Tensor = cells[position].weights(op)[block]
            return found

        return Sharing(self.network, lambda run: (run, first), weight)

    def logits(self, x_NCHW: Tensor, cell: int) -> Tensor:
        """See ``Scorable``."""
        [code] = live_codes(np.array([cell]))
        logits: Tensor = self.network(x_NCHW, code, tuple(self.block_AE[cell].tolist()))
        return logits
