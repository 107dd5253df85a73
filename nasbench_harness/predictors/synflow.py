"""Synaptic flow: how much signal passes when every weight is taken as positive."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from nasbench_harness.predictors.base import FloatArray, Predictor, PredictorContext, Published, predictors
from nasbench_harness.predictors.sweep import over_all, sweep

if TYPE_CHECKING:
    from nasbench_harness.supernet.untrained import UntrainedNetwork

_ZERO_COST = "zero-cost-nas notebook: C16 N5, 32 x 32, one batch, CIFAR-10 validation accuracy, all 15,625"


@predictors.register("synflow")
@dataclass(frozen=True)
class Synflow(Predictor):
    """Sum of weight x gradient with absolute weights, no batch norm and an image of ones; its logarithm.

    Biases are left out of the sum; the sum is the network's output with each path counted once for every weight on it.
    In double precision: without batch norm a deep network leaves the range of single precision.
    """

    source: ClassVar[str] = (
        "Tanaka et al., synaptic flow, NeurIPS 2020, arXiv 2006.05467; as a score of networks: Abdelfattah et al., "
        "ICLR 2021, arXiv 2101.08134, code: mohsaied/zero-cost-nas"
    )
    published: ClassVar[tuple[Published, ...]] = (Published(None, 0.737, _ZERO_COST),)

    def score(self, context: PredictorContext) -> FloatArray:
        """log of the sum."""
        import torch

        x_NCHW = torch.ones(1, context.image_channels, context.size, context.size, dtype=torch.float64)
        x_NCHW = x_NCHW.contiguous(memory_format=torch.channels_last)
        values = sweep("synflow", self, context, lambda network: [_flow(network, x_NCHW)], double=True)
        return over_all(values[:, 0])


def _flow(network: UntrainedNetwork, x_NCHW: object) -> float:
    flat = network.flat.abs().requires_grad_()
    network.norm = lambda y_NCHW: y_NCHW
    network.set_weights(flat)
    network(x_NCHW).sum().backward()  # type: ignore[arg-type, no-untyped-call]
    assert flat.grad is not None
    return math.log(float((flat.grad * flat.detach()).sum()))
