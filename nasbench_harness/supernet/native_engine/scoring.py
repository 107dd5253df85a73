"""Scoring on the native kernels: a supernet made ready once, then batches of images, then architectures."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from nasbench_harness.native import Kernels
from nasbench_harness.native.scoring import Scorer
from nasbench_harness.supernet.layers import Code
from nasbench_harness.supernet.native_engine.steps import in_order, layout_of
from nasbench_harness.supernet.network import Supernet
from nasbench_harness.supernet.operations import EPSILON


class BlockedScoring:
    """A supernet ready for many architectures on square images; its weights must not change meanwhile.

    The weights are packed once, the stem is computed once a batch, and the first cell remembers what its edges gave.
    """

    def __init__(self, network: Supernet, native: Kernels, side: int) -> None:
        weights = [in_order(weight.detach()) for weight in network.parameters()]
        self.scorer = Scorer(native, layout_of(network, side), weights, EPSILON, len(network.copies[0]))
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
        return self.scorer.logits(code, route)


class BlockedBatch:
    """One batch of images: codes whose dead edges are ``none`` and routes in, logits ``[N, classes]`` out."""

    def __init__(self, scoring: BlockedScoring, number: int) -> None:
        self._scoring, self._number = scoring, number

    def __call__(self, code: Code, route: Sequence[int]) -> Tensor:
        """Logits of one architecture."""
        return self._scoring.logits(self._number, code, route)
