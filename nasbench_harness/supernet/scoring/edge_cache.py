"""The first cell on one batch of images: what neighbouring architectures share of it is computed once.

One cache serves every network: supernets, whose edges have weights of their own, networks whose edges choose among
shared sets of weights, and supernets whose edges count with a weight.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Generic, TypeVar

import torch
from torch import Tensor
from torch.nn import functional as F

from nasbench_harness.space import CONV_1X1, CONV_3X3, EDGES, N_EDGES, NONE, POOL, SKIP
from nasbench_harness.supernet.operations import avg_pool_3x3

LAST_EDGE = N_EDGES - 1
MOST_BYTES = 1 << 26
"""Bytes of edge outputs that are kept; beyond, those least recently used are computed again when they are needed."""

Step = tuple[int, int]
"""Operation of an edge, and the set of weights it computes with (0 where there is no convolution)."""

Convolve = Callable[[int, int, Tensor], Tensor]
"""Operation, set of weights and an input whose ReLU was taken to the normalised output."""

Output = TypeVar("Output")


def steps_of(code: Sequence[int], weights_E: Iterable[int] = range(N_EDGES)) -> tuple[Step, ...]:
    """Operation and set of weights of every edge; by default each edge has a set of its own."""
    return tuple((op, which if op in (CONV_1X1, CONV_3X3) else 0) for op, which in zip(code, weights_E, strict=True))


class EdgeCache(Generic[Output]):
    """Outputs by the node that an edge starts from, kept until that node changes and while they fit.

    Node 1 of a cell is decided by its first edge, node 2 by its first three, so in the order of their codes most
    architectures leave both as they are.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._outputs: dict[tuple[int, Hashable], Output] = {}
        self._decided: list[Sequence[Hashable]] = [(), (), ()]

    def __len__(self) -> int:
        return len(self._outputs)

    def changed(self, steps: Sequence[Hashable]) -> Iterable[int]:
        """The nodes to be made again, in order; outputs of edges that start there are dropped before each is given."""
        for node, decided in ((1, steps[:1]), (2, steps[:3])):
            if self._decided[node] != decided:
                self._decided[node] = decided
                for key in [key for key in self._outputs if key[0] == node]:
                    del self._outputs[key]
                yield node

    def take(self, source: int, what: Hashable) -> Output | None:
        """The output of ``what`` from node ``source``, which must be given back to be kept on."""
        return self._outputs.pop((source, what), None)

    def keep(self, source: int, what: Hashable, output: Output) -> None:
        """Keep an output as the most recently used."""
        self._outputs[source, what] = output

    def make_room(self, coming: int, size: int) -> None:
        """Drop what was not used for longest until ``coming`` more outputs of ``size`` bytes fit."""
        while self._outputs and (len(self._outputs) + coming) * size > self.most_bytes:
            del self._outputs[next(iter(self._outputs))]


class FirstCell:
    """Nodes, edge outputs and the begun sum of the last node, kept for as long as they stay true.

    Architectures may come in any order; in the order of their codes mostly only one addition is new.
    """

    def __init__(self, convolve: Convolve, x_NCHW: Tensor, edge_weight_E: Sequence[float] = (1.0,) * N_EDGES) -> None:
        """``edge_weight_E`` multiplies what the edges give; an edge of weight 0 is absent."""
        self.convolve, self.edge_weight_E = convolve, edge_weight_E
        self.cache: EdgeCache[Tensor] = EdgeCache(MOST_BYTES)
        self.nodes: list[Tensor | None] = [x_NCHW, None, None]
        self.relus: list[Tensor | None] = [None, None, None]
        self.begun: tuple[Sequence[Step], Tensor | None] = ((), None)

    def __call__(self, steps: tuple[Step, ...]) -> Tensor:
        """Output of the cell; not to be written to, it may be kept here."""
        for node in self.cache.changed(steps):
            self.nodes[node] = self._sum(steps, [edge for edge, (_, target) in enumerate(EDGES) if target == node])
            self.relus[node] = None
        if self.begun[0] != steps[:LAST_EDGE]:
            into_last = [edge for edge, (_, target) in enumerate(EDGES) if target == 3 and edge != LAST_EDGE]
            self.begun = steps[:LAST_EDGE], self._sum(steps, into_last)
        begun, last = self.begun[1], self._weighted(LAST_EDGE, steps[LAST_EDGE])
        if begun is None or last is None:
            output = last if begun is None else begun
            return torch.zeros_like(self.nodes[0]) if output is None else output  # type: ignore[arg-type]
        return begun + last

    def _sum(self, steps: tuple[Step, ...], edges: list[int]) -> Tensor | None:
        total: Tensor | None = None
        for edge in edges:
            output = self._weighted(edge, steps[edge])
            if output is not None:
                total = output if total is None else total + output
        return total

    def _weighted(self, edge: int, step: Step) -> Tensor | None:
        source, weight = EDGES[edge][0], self.edge_weight_E[edge]
        x = self.nodes[source]
        if step[0] == NONE or x is None or weight == 0:
            return None
        output = x if step[0] == SKIP else self._output(source, step, x)
        return output if weight == 1 else weight * output

    def _output(self, source: int, step: Step, x_NCHW: Tensor) -> Tensor:
        output = self.cache.take(source, step)
        if output is None:
            output = self._compute(source, step, x_NCHW)
            self.cache.make_room(1, output.numel() * output.element_size())
        self.cache.keep(source, step, output)
        return output

    def _compute(self, source: int, step: Step, x_NCHW: Tensor) -> Tensor:
        if step[0] == POOL:
            return avg_pool_3x3(x_NCHW)
        relu = self.relus[source]
        if relu is None:
            relu = self.relus[source] = F.relu(x_NCHW)
        return self.convolve(*step, relu)
