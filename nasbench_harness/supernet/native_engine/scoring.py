"""Scoring on the native kernels: weights packed once, the stem once a batch, and a first cell that remembers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import torch
from torch import Tensor

from nasbench_harness.native import Kernels
from nasbench_harness.native.kernels import Packed
from nasbench_harness.space import EDGES, NONE
from nasbench_harness.supernet.layers import Code
from nasbench_harness.supernet.native_engine.stream import Buffers, Node, Stream, Term, nothing
from nasbench_harness.supernet.network import Cell, Supernet
from nasbench_harness.supernet.operations import EPSILON
from nasbench_harness.supernet.scoring.edge_cache import EdgeCache

MOST_REMEMBERED = 3 << 26
"""Bytes of the first cell's edge outputs that are kept: 500 images at 5 channels and 32 pixels fill it with all 18."""


class BlockedScoring:
    """A supernet with its weights packed, ready for many architectures."""

    def __init__(self, network: Supernet, native: Kernels) -> None:
        self.network, self.native = network, native
        self.buffers = Buffers(native)
        self._packed: dict[int, Packed] = {}

    def packed(self, weight: Tensor, winograd: bool) -> Packed:
        """The packed form of one of the network's weights, which must not change meanwhile.

        A weight has one place in the network, so that it is always asked for in one form.
        """
        found = self._packed.get(id(weight))
        if found is None:
            found = self._packed[id(weight)] = self.native.pack(weight.detach(), winograd=winograd)
        return found

    def on_batch(self, x_NCHW: Tensor) -> BlockedBatch:
        """Ready for these images."""
        return BlockedBatch(self, x_NCHW)


class BlockedBatch:
    """One batch of images: codes and routes in, logits ``[N, classes]`` out."""

    def __init__(self, scoring: BlockedScoring, x_NCHW: Tensor) -> None:
        self.network, self.images, self.native = scoring.network, len(x_NCHW), scoring.native
        self.stream = Stream(scoring.buffers, self.images, scoring.packed)
        stem = self.stream.stem(x_NCHW, self.network.stem)
        self.first = [BlockedFirstCell(self.stream, copy, stem) for copy in self.network.copies[0]]

    def __call__(self, code: Code, route: Sequence[int]) -> Tensor:
        """Logits of one architecture whose dead edges are ``none``."""
        x = self.first[route[0]](code)
        for block, cell in islice(self.network.along(route), 1, None):
            if block is not None:
                x = self.stream.reduction(x, block.conv_a, block.conv_b, block.shortcut)
            x = self.stream.cell(x, code, list(cell.conv_1x1), list(cell.conv_3x3))
        return self._head(self.stream.written(x))

    def _head(self, x: Tensor) -> Tensor:
        kernels = self.native
        mean, scale = kernels.finalise(kernels.statistics_of(x), x.shape[2] * x.shape[3], self.images, EPSILON)
        scale_1C111, shift_1C111 = (v.view(1, -1, 1, 1, 1) for v in (scale, -mean * scale))
        features_BCL = torch.addcmul(shift_1C111, x, scale_1C111).relu_().mean((2, 3))
        features = features_BCL.transpose(1, 2).reshape(-1, x.shape[1])[: self.images]
        logits: Tensor = self.network.classifier(features)
        return logits


class BlockedFirstCell:
    """``edge_cache.FirstCell`` on the kernels: outputs of edges are kept until the node they start from changes.

    A kept convolution is its output before normalisation. At most ``MOST_REMEMBERED`` bytes are kept.
    """

    def __init__(self, stream: Stream, cell: Cell, x: Node) -> None:
        self.stream, self.conv_1x1, self.conv_3x3 = stream, list(cell.conv_1x1), list(cell.conv_3x3)
        self.nodes = [x, Node(), Node()]
        self.cache: EdgeCache[Term] = EdgeCache(MOST_REMEMBERED)
        self.size = x.like.numel() * x.like.element_size()

    def __call__(self, code: Code) -> Node:
        """Output of the cell; its terms may be kept here."""
        for node in self.cache.changed(code):
            self.nodes[node] = self._sum(code, node)
        output = self._sum(code, 3)
        return output if output.terms else nothing(self.nodes[0].like)

    def _sum(self, code: Code, node: int) -> Node:
        wanted = [
            (edge, start)
            for edge, (start, target) in enumerate(EDGES)
            if target == node and code[edge] != NONE and self.nodes[start].terms
        ]
        known = {edge: self.cache.take(start, (edge, code[edge])) for edge, start in wanted}
        terms = {edge: term for edge, term in known.items() if term is not None}
        self.cache.make_room(len(wanted), self.size)
        for start in range(node):
            missing = {edge: code[edge] for edge, source in wanted if source == start and edge not in terms}
            if missing:
                terms |= self.stream.outputs(self.nodes[start], missing, self.conv_1x1, self.conv_3x3)
        total = Node()
        for edge, start in wanted:
            total.add(terms[edge])
            self.cache.keep(start, (edge, code[edge]), terms[edge])
        self.cache.make_room(0, self.size)
        return total
