"""Scoring on the native kernels: weights packed once, the stem once a batch, and a first cell that remembers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nasbench_harness.native import Kernels
from nasbench_harness.native.kernels import Packed
from nasbench_harness.space import EDGES, NONE, SKIP
from nasbench_harness.supernet import first_cell
from nasbench_harness.supernet.laned import Activation, Code, Convolved, LanedPass
from nasbench_harness.supernet.laned_stream import Node, Stream
from nasbench_harness.supernet.network import Cell, Reduction, Supernet
from nasbench_harness.supernet.operations import EPSILON


class LanedScoring:
    """A supernet with its weights packed, ready for many architectures."""

    def __init__(self, network: Supernet, native: Kernels) -> None:
        self.network, self.native = network, native
        self._packed: dict[int, Packed] = {}

    def packed(self, weight: Tensor, winograd: bool) -> Packed:
        """The packed form of one of the network's weights, which must not change meanwhile.

        A weight has one place in the network, so that it is always asked for in one form.
        """
        found = self._packed.get(id(weight))
        if found is None:
            found = self._packed[id(weight)] = self.native.pack(weight.detach(), winograd=winograd)
        return found

    def on_batch(self, x_NCHW: Tensor) -> LanedBatch:
        """Ready for these images."""
        return LanedBatch(self, x_NCHW)


class LanedBatch:
    """One batch of images: codes and routes in, logits ``[N, classes]`` out."""

    def __init__(self, scoring: LanedScoring, x_NCHW: Tensor) -> None:
        self.network, self.images, self.native = scoring.network, len(x_NCHW), scoring.native
        self.stream = Stream(scoring.native, self.images, scoring.packed)
        forward = LanedPass(scoring.native, self.images, keep=False, packed=scoring.packed)
        stem = forward.add_up([forward.stem(x_NCHW, self.network.stem)], [], plain=True, relu=True)
        self.first = [LanedFirstCell(forward, copy, stem) for copy in self.network.copies[0]]

    def __call__(self, code: Code, route: Sequence[int]) -> Tensor:
        """Logits of one architecture whose dead edges are ``none``."""
        x, cells = self.first[route[0]](code), self.network.shape.cells
        for position in range(1, self.network.shape.cell_count):
            stage, within = divmod(position, cells)
            if not within:
                block: Reduction = self.network.reductions[stage - 1]  # type: ignore[assignment]
                x = self.stream.reduction(x, block.conv_a, block.conv_b, block.shortcut)
            cell: Cell = self.network.cells[position][route[position]]  # type: ignore[index]
            x = self.stream.cell(x, code, list(cell.conv_1x1), list(cell.conv_3x3))
        return self._head(self.stream.written(x))

    def _head(self, x: Tensor) -> Tensor:
        kernels = self.native
        mean, scale = kernels.settle(kernels.statistics_of(x), x.shape[2] * x.shape[3], self.images, EPSILON)
        scale_1C111, shift_1C111 = (v.view(1, -1, 1, 1, 1) for v in (scale, -mean * scale))
        features_BCL = torch.addcmul(shift_1C111, x, scale_1C111).relu_().mean((2, 3))
        features = features_BCL.transpose(1, 2).reshape(-1, x.shape[1])[: self.images]
        logits: Tensor = self.network.classifier(features)
        return logits


class LanedFirstCell:
    """``first_cell.FirstCell`` on the kernels: outputs of edges are kept until the node they start from changes.

    A kept convolution is its output before normalisation. At most ``first_cell.MOST_REMEMBERED`` bytes are kept.
    """

    def __init__(self, forward: LanedPass, cell: Cell, x: Activation) -> None:
        self.forward, self.conv_1x1, self.conv_3x3 = forward, list(cell.conv_1x1), list(cell.conv_3x3)
        self.nodes: list[Activation | None] = [x, None, None]
        self.made_from: list[Code] = [(), (), ()]
        self.outputs: dict[tuple[int, int], Convolved | Activation] = {}

    def __call__(self, code: Code) -> Node:
        """Output of the cell."""
        for node, decided in ((1, code[:1]), (2, code[:3])):
            if self.made_from[node] != decided:
                self.made_from[node] = decided
                self.nodes[node] = self._sum(code, node)
                for key in [key for key in self.outputs if EDGES[key[0]][0] == node]:
                    del self.outputs[key]
        output = Node()
        for term in self._terms(code, 3):
            output.add((term.raw, term.mean, term.scale) if isinstance(term, Convolved) else _plain(term))
        return output if output.terms else Node(plains=[torch.zeros_like(_plain(self.nodes[0]))])

    def _terms(self, code: Code, node: int) -> list[Convolved | Activation]:
        found = [self._output(edge, code[edge]) for edge, (_, target) in enumerate(EDGES) if target == node]
        return [output for output in found if output is not None]

    def _sum(self, code: Code, node: int) -> Activation | None:
        outputs = self._terms(code, node)
        return self.forward.node(outputs, plain=True, relu=False) if outputs else None

    def _output(self, edge: int, op: int) -> Convolved | Activation | None:
        x = self.nodes[EDGES[edge][0]]
        if op == NONE or x is None:
            return None
        if op == SKIP:
            return x
        output = self.outputs.pop((edge, op), None)
        if output is None:
            output = self.forward.operation(x, op, edge, self.conv_1x1, self.conv_3x3)
            size = _bytes(output)
            while self.outputs and (len(self.outputs) + 1) * size > first_cell.MOST_REMEMBERED:
                del self.outputs[next(iter(self.outputs))]
        self.outputs[edge, op] = output  # at the end: the most recently used
        return output


def _plain(activation: Activation | None) -> Tensor:
    assert activation is not None
    assert activation.plain is not None
    return activation.plain


def _bytes(output: Convolved | Activation) -> int:
    tensor = output.raw if isinstance(output, Convolved) else _plain(output)
    return tensor.numel() * tensor.element_size()
