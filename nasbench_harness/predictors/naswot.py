"""NASWOT: how differently a batch of images switches the ReLUs of an untrained network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from nasbench_harness.predictors.base import FloatArray, Need, Predictor, PredictorContext, predictors
from nasbench_harness.predictors.sweep import image_batches, over_all, sweep

if TYPE_CHECKING:
    from torch import Tensor

    from nasbench_harness.supernet.untrained import UntrainedNetwork


@predictors.register("naswot")
@dataclass(frozen=True)
class Naswot(Predictor):
    """Log-determinant of the kernel that counts, for each pair of images, the ReLUs in the same state.

    Every ReLU on a live edge counts, also those that share their input, those of the residual blocks and the last one.
    """

    needs: ClassVar[Need] = "images"
    source: ClassVar[str] = (
        "Mellor, Turner, Storkey, Crowley, NAS without training, ICML 2021, arXiv 2006.04647; "
        "code: BayesWatch/nas-without-training"
    )

    def score(self, context: PredictorContext) -> FloatArray:
        """log|det K|; a kernel without full rank counts as no signal."""
        [(x_NCHW, _)] = image_batches("naswot", context)
        values = sweep("naswot", self, context, lambda network: [log_determinant(same_state(network, x_NCHW))])
        return over_all(values[:, 0])


def same_state(network: UntrainedNetwork, x_NCHW: Tensor) -> FloatArray:
    """Kernel float64 ``[N, N]``: number of ReLU units that two images put into the same state (on, or off)."""
    import torch

    kernel_NN = torch.zeros(len(x_NCHW), len(x_NCHW), dtype=torch.float64)

    def watched(y_NCHW: Tensor) -> Tensor:
        positive = y_NCHW.clamp(min=0)
        # +1 on, -1 off: the product of two codes is (same - different), and same + different is the number of units
        code_ND = (positive > 0).flatten(1).to(torch.float32).mul_(2).sub_(1)
        kernel_NN.add_((code_ND @ code_ND.T + code_ND.shape[1]) / 2)
        return positive

    network.relu = watched
    with torch.inference_mode():
        network(x_NCHW)
    return kernel_NN.numpy()


def log_determinant(kernel_NN: FloatArray) -> float:
    """log|det|, -inf for a singular kernel (two images with the same states everywhere)."""
    return float(np.linalg.slogdet(kernel_NN)[1])
