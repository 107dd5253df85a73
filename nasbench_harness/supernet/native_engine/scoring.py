"""Scoring on the native kernels: a supernet made ready once, then batches of images, then architectures."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from nasbench_harness.native import Kernels
from nasbench_harness.native.scoring import Scorer
from nasbench_harness.space import N_EDGES, NONE
from nasbench_harness.supernet.layers import Code
from nasbench_harness.supernet.native_engine.autograd import kernels_for
from nasbench_harness.supernet.native_engine.steps import in_order, layout_of
from nasbench_harness.supernet.network import Supernet
from nasbench_harness.supernet.operations import EPSILON


class BlockedScoring:
    """A supernet ready for many architectures on square images; its weights must not change meanwhile.

    The weights are packed once, the stem is computed once a batch, and the first cell remembers what its edges gave.
    ``edge_weight_E`` multiplies what the edges give; an edge of weight 0 is absent.
    """

    def __init__(
        self, network: Supernet, native: Kernels, side: int, edge_weight_E: Sequence[float] = (1.0,) * N_EDGES
    ) -> None:
        weights = [in_order(weight.detach()) for weight in network.parameters()]
        layout, copies = layout_of(network, side), len(network.copies[0])
        self.scorer = Scorer(native, layout, weights, EPSILON, copies, edge_weight_E)
        self._absent = [weight == 0 for weight in edge_weight_E]
        self.side = side
        self._batch = 0

    def on_batch(self, x_NCHW: Tensor) -> BlockedBatch:
        """Ready for these images; the batch before is over."""
        self.scorer.begin(x_NCHW)
        self._batch += 1
        return BlockedBatch(self, self._batch)

    def logits(self, batch: int, code: Code, route: Sequence[int]) -> Tensor:
        """Logits ``[N, classes]`` of one architecture on the batch of this number."""
        if batch != self._batch:
            raise RuntimeError("this batch of images is over: another was made ready")
        there = [NONE if absent else op for op, absent in zip(code, self._absent, strict=True)]
        return self.scorer.logits(there, route)


class BlockedBatch:
    """One batch of images: codes whose dead edges are ``none`` and routes in, logits ``[N, classes]`` out."""

    def __init__(self, scoring: BlockedScoring, number: int) -> None:
        self._scoring, self._number = scoring, number

    def __call__(self, code: Code, route: Sequence[int]) -> Tensor:
        """Logits of one architecture."""
        return self._scoring.logits(self._number, code, route)


def blocked_batches(
    network: Supernet, edge_weight_E: Sequence[float] = (1.0,) * N_EDGES
) -> Callable[[Tensor], BlockedBatch | None]:
    """What makes batches of images ready on the kernels, as ``BlockedScoring``; None where they cannot run one."""
    made: list[BlockedScoring] = []

    def on_batch(x_NCHW: Tensor) -> BlockedBatch | None:
        height, width = x_NCHW.shape[2:]
        native = kernels_for(network, x_NCHW) if height == width else None
        if native is None:
            return None
        if not made:
            made.append(BlockedScoring(network, native, height, edge_weight_E))
        return made[0].on_batch(x_NCHW)

    return on_batch
