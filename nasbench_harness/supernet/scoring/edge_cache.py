"""The first cell on one batch of images, remembering what neighbouring architectures share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from nasbench_harness.space import EDGES, NONE, POOL, SKIP
from nasbench_harness.supernet.network import Code
from nasbench_harness.supernet.operations import avg_pool_3x3

if TYPE_CHECKING:
    from nasbench_harness.supernet.scoring.torch_engine import FastCell

LAST_EDGE = len(EDGES) - 1
MOST_REMEMBERED = 1 << 26
"""Bytes of edge outputs that are kept; beyond, those least recently used are computed again when they are needed."""


class FirstCell:
    """Edge outputs, nodes and partial sums of one cell, kept for as long as they stay true.

    Architectures may come in any order; in the order of their codes mostly only one addition is new.
    """

    def __init__(self, cell: FastCell, x_NCHW: Tensor) -> None:
        self.cell = cell
        self.nodes: list[Tensor | None] = [x_NCHW, None, None]
        self.relus: list[Tensor | None] = [None, None, None]
        self.made_from: list[tuple[int, ...]] = [(), (), ()]
        self.outputs: dict[tuple[int, int], Tensor] = {}
        self.begun: tuple[Code, Tensor | None] = ((), None)

    def __call__(self, code: Code) -> Tensor:
        """Output of the cell; not to be written to, it may be kept here."""
        # Node t is decided by the edges that end in it or in an earlier node: e0 | e0..e2.
        for node, decided in ((1, code[:1]), (2, code[:3])):
            if self.made_from[node] != decided:
                self.made_from[node] = decided
                self.nodes[node] = self._sum(code, [edge for edge, (_, target) in enumerate(EDGES) if target == node])
                self.relus[node] = None
                for key in [key for key in self.outputs if EDGES[key[0]][0] == node]:
                    del self.outputs[key]
        if self.begun[0] != code[:LAST_EDGE]:
            into_last = [edge for edge, (_, target) in enumerate(EDGES) if target == 3 and edge != LAST_EDGE]
            self.begun = code[:LAST_EDGE], self._sum(code, into_last)
        begun, last = self.begun[1], self._output(LAST_EDGE, code)
        if begun is None or last is None:
            output = last if begun is None else begun
            return torch.zeros_like(self.nodes[0]) if output is None else output  # type: ignore[arg-type]
        return begun + last

    def _sum(self, code: Code, edges: list[int]) -> Tensor | None:
        total: Tensor | None = None
        for edge in edges:
            output = self._output(edge, code)
            if output is not None:
                total = output if total is None else total + output
        return total

    def _output(self, edge: int, code: Code) -> Tensor | None:
        source, op = EDGES[edge][0], code[edge]
        x = self.nodes[source]
        if op == NONE or x is None:
            return None
        if op == SKIP:
            return x
        output = self.outputs.pop((edge, op), None)
        if output is None:
            output = self._compute(edge, op, x)
            size = output.numel() * output.element_size()
            while self.outputs and (len(self.outputs) + 1) * size > MOST_REMEMBERED:
                del self.outputs[next(iter(self.outputs))]
        self.outputs[edge, op] = output  # at the end: the most recently used
        return output

    def _compute(self, edge: int, op: int, x_NCHW: Tensor) -> Tensor:
        if op == POOL:
            return avg_pool_3x3(x_NCHW)
        source = EDGES[edge][0]
        relu = self.relus[source]
        if relu is None:
            relu = self.relus[source] = F.relu(x_NCHW)
        return self.cell.convolve(edge, op, relu).normalised()
