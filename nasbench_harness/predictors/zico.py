"""ZiCo: gradients that are large and agree between batches."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from nasbench_harness.predictors.base import FloatArray, Need, Predictor, PredictorContext, predictors
from nasbench_harness.predictors.sweep import image_batches, over_all, sweep

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from nasbench_harness.supernet.untrained import UntrainedNetwork

_BATCHES = 2


@predictors.register("zico")
@dataclass(frozen=True)
class Zico(Predictor):
    """Sum over layers of log(sum over weights of mean |gradient| / its deviation), over two batches.

    Layers: convolutions and the classifier's weights. Weights whose gradient does not vary are left out, and so is a
    layer with no other.
    """

    needs: ClassVar[Need] = "images"
    source: ClassVar[str] = "Li, Yang, Bhardwaj, Marculescu, ZiCo, ICLR 2023, arXiv 2301.11300; code: SLDGroup/ZiCo"

    def score(self, context: PredictorContext) -> FloatArray:
        """The sum, from the gradients of the cross-entropy."""
        batches = image_batches("zico", context, _BATCHES)
        values = sweep("zico", self, context, lambda network: [_zico(network, batches)])
        return over_all(values[:, 0])


def _zico(network: UntrainedNetwork, batches: Sequence[tuple[Tensor, Tensor]]) -> float:
    import torch
    from torch.nn import functional as F

    network.flat.requires_grad_()
    gradients = []
    for x_NCHW, label_N in batches:
        network.set_weights(network.flat)  # views made again: those of the first batch have lost their graph
        [gradient] = torch.autograd.grad(F.cross_entropy(network(x_NCHW), label_N), network.flat)
        gradients.append(gradient)
    gradient_BW = torch.stack(gradients)
    mean_W, deviation_W = gradient_BW.abs().mean(0), gradient_BW.std(0, correction=0)
    ratio_W = torch.where(deviation_W > 0, mean_W / deviation_W, 0.0).double()
    sums = [float(ratio.sum()) for ratio in torch.split(ratio_W, network.sizes)]
    return sum(math.log(total) for total in sums if total > 0)
