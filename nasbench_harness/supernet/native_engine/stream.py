"""Scoring passes on the native kernels, a few blocks of images at a time.

What a cell waits for is memory: its nodes are written once and read by each of their uses. Here a node stays a list of
terms, outputs of convolutions before normalisation among them, until something reads it; then it is added up for as
many images as the caches hold, and all its uses run on these before the next images' turn. Only convolutions' outputs
go to memory, because a normalisation has to see all images first.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Protocol

import torch
from torch import Tensor

from nasbench_harness.native import Kernels
from nasbench_harness.native.kernels import GATHER, GATHER_PAST, Packed
from nasbench_harness.space import CONV_1X1, EDGES, NONE, POOL, SKIP
from nasbench_harness.supernet.layers import Code
from nasbench_harness.supernet.operations import EPSILON

Normalised = tuple[Tensor, Tensor, Tensor]
"""A convolution's output before normalisation, and its channels' means and inverse deviations."""

Term = Normalised | Tensor
"""What a node is a sum of."""

NEAR_BYTES = 1 << 21
"""Of a node's images that are worked on at once by each thread: about a core's second-level cache, where what is read
next lies beside it (measured: docs/performance.md)."""

FAR_BYTES = 1 << 23
"""Outputs from this size on are written past the caches."""


@dataclass(eq=False)
class Node:
    """The sum of at most three terms; without any, nothing comes in."""

    convolved: list[Normalised] = field(default_factory=list)
    plains: list[Tensor] = field(default_factory=list)

    def add(self, term: Term) -> None:
        """One more term."""
        if isinstance(term, Tensor):
            self.plains.append(term)
        else:
            self.convolved.append(term)

    @property
    def terms(self) -> list[Term]:
        """All of them."""
        return [*self.convolved, *self.plains]

    def release(self) -> None:
        """Forget the terms, when nothing will read the node any more: they are most of what a pass holds."""
        self.convolved, self.plains = [], []

    @property
    def like(self) -> Tensor:
        """A tensor of the node's shape."""
        return self.plains[0] if self.plains else self.convolved[0][0]

    def added_up(
        self, kernels: Kernels, part: slice, plain: bool, relu: bool, into: Tensor | None = None
    ) -> tuple[Tensor | None, Tensor | None]:
        """Some blocks of the sum as it is (written ``into`` where given), and rectified with a border."""
        plains = [term[part] for term in self.plains]
        if not self.convolved and len(plains) == 1 and into is None and not relu:
            return plains[0], None
        convolved = [(raw[part], mean, scale) for raw, mean, scale in self.convolved]
        return kernels.add_up(convolved, plains, plain, relu, into=None if into is None else into[part])


class Buffers:
    """Memory of what passes make, handed out again as soon as nobody holds it.

    The allocator would serve too, but its free blocks get cut up by whatever is small and stays, and after some
    architectures none is left that holds an output.
    """

    def __init__(self, kernels: Kernels) -> None:
        self.kernels = kernels
        self.free: dict[int, list[Tensor]] = {}

    def take(self, *shape: int) -> Tensor:
        """An activation ``[blocks, channels, height, width, lanes]`` of no content; ``shape`` is without the lanes."""
        free = self.free.setdefault(prod(shape), [])
        base = free.pop() if free else self.kernels.empty(*shape)
        made = base.view(*shape, self.kernels.lanes)
        weakref.finalize(made, free.append, base).atexit = False
        return made


class Use(Protocol):
    """Something that reads a node, block by block."""

    rectified: bool
    """Whether it reads the ReLU with a border; otherwise the sum as it is."""

    def run(self, part: slice, x: Tensor) -> None:
        """On some blocks."""

    def term(self) -> Term:
        """The whole outcome, when all blocks are done."""


class Convolution:
    """ReLU, convolution, and the statistics of its normalisation."""

    rectified = True

    def __init__(self, buffers: Buffers, images: int, like: Tensor, weight: Packed, stride: int) -> None:
        blocks, _, height, width, _ = like.shape
        self.kernels = kernels = buffers.kernels
        self.images, self.weight, self.stride = images, weight, stride
        self.raw = buffers.take(blocks, weight.outputs, height // stride, width // stride)
        self.statistics = kernels.new_statistics(like, weight.outputs)
        self.mode = GATHER if self.raw.numel() * self.raw.element_size() < FAR_BYTES else GATHER_PAST

    def run(self, part: slice, x: Tensor) -> None:
        """``x`` is rectified and has a border."""
        self.kernels.convolve(
            x, self.weight, self.stride, mode=self.mode, out=self.raw[part], statistics=self.statistics[part]
        )

    def term(self) -> Normalised:
        """The output and how to normalise it."""
        pixels = self.raw.shape[2] * self.raw.shape[3]
        return (self.raw, *self.kernels.finalise(self.statistics, pixels, self.images, EPSILON))


class Pooling:
    """3 x 3 average pooling."""

    rectified = False

    def __init__(self, buffers: Buffers, like: Tensor) -> None:
        self.kernels, self.out = buffers.kernels, buffers.take(*like.shape[:-1])

    def run(self, part: slice, x: Tensor) -> None:
        """``x`` is the node as it is."""
        self.kernels.pool(x, out=self.out[part])

    def term(self) -> Tensor:
        """The pooled node."""
        return self.out


class Shortcut:
    """2 x 2 average pooling, then a 1 x 1 convolution that is not normalised."""

    rectified = False

    def __init__(self, buffers: Buffers, like: Tensor, weight: Packed) -> None:
        blocks, _, height, width, _ = like.shape
        self.kernels, self.weight = buffers.kernels, weight
        self.out = buffers.take(blocks, weight.outputs, height // 2, width // 2)

    def run(self, part: slice, x: Tensor) -> None:
        """``x`` is the node as it is."""
        self.kernels.convolve(self.kernels.halve(x), self.weight, padded=False, out=self.out[part])

    def term(self) -> Tensor:
        """The shortcut of a reduction."""
        return self.out


class Stream:
    """Passes over one batch of ``images`` images; ``packed`` gives a weight's packed form (for fewer products or not).

    A pass has no tape: there is no way back.
    """

    def __init__(self, buffers: Buffers, images: int, packed: Callable[[Tensor, bool], Packed]) -> None:
        self.buffers, self.kernels, self.images, self.packed = buffers, buffers.kernels, images, packed

    def read(self, node: Node, uses: Sequence[Use], written: bool = False) -> Tensor | None:
        """Run all uses of a node; with ``written`` the node is written as well, and returned."""
        kernels, like = self.kernels, node.like
        whole = self.buffers.take(*like.shape[:-1]) if written else None
        plain, relu = (any(use.rectified is kind for use in uses) for kind in (False, True))
        for part in self._parts(like):
            x, rectified = node.added_up(kernels, part, plain or written, relu, whole)
            for use in uses:
                read = rectified if use.rectified else x
                assert read is not None
                use.run(part, read)
        return whole

    def _parts(self, like: Tensor) -> list[slice]:
        blocks, channels, height, width, lanes = like.shape
        size = channels * (height + 2) * (width + 2) * lanes * like.element_size()
        step = torch.get_num_threads() * max(1, NEAR_BYTES // size)
        return [slice(start, min(start + step, blocks)) for start in range(0, blocks, step)]

    def stem(self, x_NCHW: Tensor, weight: Tensor) -> Node:
        """The images through the first convolution."""
        padded = self.kernels.lay_out(x_NCHW)
        packed = self.packed(weight, self.kernels.saves_products(weight, *x_NCHW.shape[2:]))
        first = Convolution(self.buffers, self.images, padded[:, :, 1:-1, 1:-1], packed, 1)
        first.run(slice(0, len(padded)), padded)
        return Node([first.term()])

    def convolution(self, node: Node, weight: Tensor, stride: int = 1) -> Convolution:
        """A convolution of a node, to be run."""
        _, _, height, width, _ = node.like.shape
        packed = self.packed(weight, self.kernels.saves_products(weight, height, width, stride))
        return Convolution(self.buffers, self.images, node.like, packed, stride)

    def outputs(
        self, node: Node, ops: Mapping[int, int], conv_1x1: Sequence[Tensor], conv_3x3: Sequence[Tensor]
    ) -> dict[int, Term]:
        """What the operations (none of them ``none``) on the edges out of a node make of it, in one reading."""
        uses: dict[int, Use] = {}
        for edge, op in ops.items():
            if op == POOL:
                uses[edge] = Pooling(self.buffers, node.like)
            elif op != SKIP:
                uses[edge] = self.convolution(node, (conv_1x1 if op == CONV_1X1 else conv_3x3)[edge])
        handed_on: Term | None = node.terms[0] if len(node.terms) == 1 else None
        written = SKIP in ops.values() and handed_on is None
        if uses or written:
            whole = self.read(node, list(uses.values()), written)
            handed_on = whole if written else handed_on
        made = {edge: use.term() for edge, use in uses.items()}
        for edge, op in ops.items():
            if op == SKIP:
                assert handed_on is not None
                made[edge] = handed_on
        return made

    def cell(self, source: Node, code: Code, conv_1x1: Sequence[Tensor], conv_3x3: Sequence[Tensor]) -> Node:
        """A cell whose dead edges are ``none``; a node of zeros where no path goes through. ``source`` is used up."""
        nodes, like = [source, Node(), Node(), Node()], source.like
        for start in range(3):
            ops = {e: code[e] for e, (begin, _) in enumerate(EDGES) if begin == start and code[e] != NONE}
            if nodes[start].terms and ops:
                made = self.outputs(nodes[start], ops, conv_1x1, conv_3x3)
                for edge in ops:
                    nodes[EDGES[edge][1]].add(made[edge])
            nodes[start].release()
        return nodes[3] if nodes[3].terms else nothing(like)

    def reduction(self, source: Node, conv_a: Tensor, conv_b: Tensor, shortcut: Tensor) -> Node:
        """The residual block that halves the image and doubles the channels; ``source`` is used up."""
        first = self.convolution(source, conv_a, stride=2)
        short = Shortcut(self.buffers, source.like, self.packed(shortcut, False))
        self.read(source, [first, short])
        source.release()
        inner = Node([first.term()])
        second = self.convolution(inner, conv_b)
        self.read(inner, [second])
        return Node([second.term()], [short.term()])

    def written(self, node: Node) -> Tensor:
        """The node as one tensor."""
        single = node.plains[0] if len(node.terms) == 1 and node.plains else self.read(node, [], written=True)
        assert single is not None
        return single


def nothing(like: Tensor) -> Node:
    """What a cell without a path makes of its input."""
    return Node(plains=[torch.zeros_like(like)])
