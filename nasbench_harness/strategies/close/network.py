"""The network of CLOSE: a cell holds blocks of operations, and every edge computes with one of them.

A block has one set of weights for each convolution, used by all edges that choose it. With a single block all edges
share; with more, an architecture's edges are told apart by the block that is chosen for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nasbench_harness.space import CONV_1X1, CONV_3X3, EDGES, N_EDGES, N_STAGES, NONE, POOL, SKIP
from nasbench_harness.strategies.close.gate import Gate
from nasbench_harness.supernet.layers import Code, NetworkShape, convolution, new_convolution
from nasbench_harness.supernet.network import Supernet
from nasbench_harness.supernet.operations import avg_pool_3x3, batch_norm

Blocks = Sequence[int]
"""The block of each of the six edges; without meaning where there is no convolution."""


class _StraightThrough(torch.autograd.Function):
    """The chosen block's output, differentiated as if it were the sum of all outputs times their soft choices."""

    @staticmethod
    def forward(ctx: Any, chosen_NCHW: Tensor, soft_G: Tensor, others_NCHW: Tensor, block: int) -> Tensor:
        ctx.save_for_backward(chosen_NCHW, others_NCHW)
        ctx.block, ctx.dtype = block, soft_G.dtype
        return chosen_NCHW.view_as(chosen_NCHW)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        gradient_PC, chosen_PC, others_PK = (_pixels(x, ctx.dtype) for x in (gradients[0], *ctx.saved_tensors))
        channels = gradient_PC.shape[1]
        # the products that are wanted stand on diagonals of one matrix product
        products = (gradient_PC.T @ others_PK).view(channels, -1, channels).diagonal(dim1=0, dim2=2).sum(-1)
        own = (gradient_PC * chosen_PC).sum().view(1)
        return gradients[0], torch.cat((products[: ctx.block], own, products[ctx.block :])), None, None


def _pixels(x_NCHW: Tensor, dtype: torch.dtype) -> Tensor:
    return x_NCHW.permute(0, 2, 3, 1).reshape(-1, x_NCHW.shape[1]).to(dtype)


class CloseCell(nn.Module):
    """``blocks`` sets of both convolutions; skip, pooling and ``none`` have no weights."""

    def __init__(self, channels: int, blocks: int) -> None:
        super().__init__()
        self.conv_1x1 = nn.ParameterList(new_convolution(channels, channels, 1) for _ in range(blocks))
        self.conv_3x3 = nn.ParameterList(new_convolution(channels, channels, 3) for _ in range(blocks))

    @torch.no_grad()
    def inherit(self, block: int) -> None:
        """Add the weights of the block before to those of ``block``."""
        for weights in (self.conv_1x1, self.conv_3x3):
            weights[block].add_(weights[block - 1])

    def convolve(self, op: int, block: int, relu_NCHW: Tensor) -> Tensor:
        """Convolution and normalisation by one block, of an input whose ReLU was taken."""
        return self._convolve(op, self.weights(op)[block], relu_NCHW)

    @torch.no_grad()
    def convolve_others(self, op: int, block: int, active: int, relu_NCHW: Tensor) -> Tensor:
        """What the other blocks of the first ``active`` would give, ``[N, (active - 1) * C, H, W]``, no gradients."""
        weights = self.weights(op)
        return self._convolve(op, torch.cat([weights[b] for b in range(active) if b != block]), relu_NCHW)

    def weights(self, op: int) -> nn.ParameterList:
        """The convolutions of an operation, by block."""
        return self.conv_1x1 if op == CONV_1X1 else self.conv_3x3

    def _convolve(self, op: int, weight: Tensor, relu_NCHW: Tensor) -> Tensor:
        return batch_norm(convolution(relu_NCHW, weight, padding=0 if op == CONV_1X1 else 1))

    def forward(self, x_NCHW: Tensor, code: Code, blocks: Blocks, soft_EG: Tensor | None = None) -> Tensor:
        """Run one architecture whose dead edges are ``none``; without a path the output is zero.

        ``soft_EG`` ``[6, active]``, when given, are the soft choices of which ``blocks`` is the hard form; they get
        gradients from every convolution. Edges with one source, operation and block are computed once.
        """
        nodes: list[Tensor | None] = [x_NCHW, None, None, None]
        relus: dict[int, Tensor] = {}
        known: dict[tuple[int, int, int], tuple[Tensor, Tensor | None]] = {}
        softs = None if soft_EG is None or soft_EG.shape[1] < 2 else soft_EG.unbind()
        for edge, (source, target) in enumerate(EDGES):
            x, op = nodes[source], code[edge]
            if op == NONE or x is None:
                continue
            if op == SKIP:
                y = x
            else:
                key = (source, op, 0 if op == POOL else blocks[edge])
                if key not in known and op == POOL:
                    known[key] = (avg_pool_3x3(x), None)
                elif key not in known:
                    if source not in relus:
                        relus[source] = F.relu(x)
                    relu = relus[source]
                    others = None if softs is None else self.convolve_others(op, key[2], len(softs[edge]), relu)
                    known[key] = (self.convolve(op, key[2], relu), others)
                y, others = known[key]
                if softs is not None and others is not None:
                    y = _StraightThrough.apply(y, softs[edge], others, key[2])  # type: ignore[no-untyped-call]
            so_far = nodes[target]
            nodes[target] = y if so_far is None else so_far + y
        output = nodes[3]
        return torch.zeros_like(x_NCHW) if output is None else output


class CloseNetwork(Supernet):
    """The macro network of ``Supernet`` with ``CloseCell``s; an architecture is run with a block for each edge.

    ``gate`` is none where something else decides on the blocks.
    """

    def __init__(self, shape: NetworkShape, blocks: int, gate: Gate | None = None) -> None:
        super().__init__(shape)
        self.cells = nn.ModuleList(
            nn.ModuleList([CloseCell(shape.channels * 2**stage, blocks)])
            for stage in range(N_STAGES)
            for _ in range(shape.cells)
        )
        self.blocks, self.gate = blocks, gate
        self.first_route = (0,) * N_EDGES

    def weights_of(self, code: Code, blocks: Blocks | None = None) -> list[Tensor]:
        """Every weight that an architecture uses with a block for each edge; the gate, which sees live edges, aside.

        Of a code with its dead edges left in, those of dead edges too.
        """
        blocks = self.first_route if blocks is None else blocks
        weights: list[Tensor] = [self.stem, self.classifier.weight, self.classifier.bias]
        for block in self.reductions:
            weights += [block.conv_a, block.conv_b, block.shortcut]  # type: ignore[list-item]
        for cells in self.cells:
            cell: CloseCell = cells[0]  # type: ignore[index]
            weights += [cell.conv_1x1[blocks[edge]] for edge, op in enumerate(code) if op == CONV_1X1]
            weights += [cell.conv_3x3[blocks[edge]] for edge, op in enumerate(code) if op == CONV_3X3]
        return weights

    def inherit(self, block: int) -> None:
        """Let ``block`` begin as its own initial weights plus the weights of the block before, the gate's too."""
        for cells in self.cells:
            cells[0].inherit(block)  # type: ignore[index]
        if self.gate is not None:
            self.gate.inherit(block)

    def after_first_cell(self, x_NCHW: Tensor, code: Code, blocks: Blocks, soft_EG: Tensor | None = None) -> Tensor:
        """Logits ``[N, classes]`` from the first cell's output."""
        for position in range(1, self.shape.cell_count):
            stage, cell_in_stage = divmod(position, self.shape.cells)
            if cell_in_stage == 0:
                x_NCHW = self.reductions[stage - 1](x_NCHW)
            x_NCHW = self.cells[position][0](x_NCHW, code, blocks, soft_EG)  # type: ignore[index]
        return self.head(x_NCHW)

    def forward(
        self, x_NCHW: Tensor, code: Code, blocks: Blocks | None = None, soft_EG: Tensor | None = None
    ) -> Tensor:
        """Logits ``[N, classes]`` of one architecture, given as a code whose dead edges are ``none``.

        ``blocks`` names the block of each edge (default: the first); ``soft_EG`` as ``CloseCell.forward`` takes it.
        """
        blocks = self.first_route if blocks is None else blocks
        first: CloseCell = self.cells[0][0]  # type: ignore[index]
        return self.after_first_cell(first(self.stem_output(x_NCHW), code, blocks, soft_EG), code, blocks, soft_EG)
