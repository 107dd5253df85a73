"""jacob_cov: how little the input gradients of different images resemble each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from nasbench_harness.predictors.base import FloatArray, Need, Predictor, PredictorContext, Published, predictors
from nasbench_harness.predictors.sweep import image_batches, over_all, sweep

if TYPE_CHECKING:
    from torch import Tensor

    from nasbench_harness.supernet.untrained import UntrainedNetwork

_OFFSET = 1e-5
_ZERO_COST = "zero-cost-nas notebook: C16 N5, 32 x 32, one batch, CIFAR-10 validation accuracy, all 15,625"


@predictors.register("jacob_cov")
@dataclass(frozen=True)
class JacobCov(Predictor):
    """Minus the sum of log(v + k) + 1 / (v + k) over eigenvalues v of the correlation of input gradients, k = 1e-5.

    The gradient of the summed logits of the batch with respect to each image; batch statistics couple the images.
    """

    needs: ClassVar[Need] = "images"
    source: ClassVar[str] = (
        "Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS, ICLR 2021, arXiv 2101.08134; "
        "code: mohsaied/zero-cost-nas"
    )
    published: ClassVar[tuple[Published, ...]] = (Published(None, 0.731, _ZERO_COST),)

    def score(self, context: PredictorContext) -> FloatArray:
        """The sum; higher where the correlations are weak."""
        [(x_NCHW, _)] = image_batches("jacob_cov", context)
        x_NCHW = x_NCHW.requires_grad_()
        values = sweep("jacob_cov", self, context, lambda network: [spectral_sum(_gradients(network, x_NCHW))])
        return over_all(values[:, 0])


def _gradients(network: UntrainedNetwork, x_NCHW: Tensor) -> FloatArray:
    """Gradient of the summed logits by each image: float64 ``[N, C H W]``."""
    import torch

    [gradient] = torch.autograd.grad(network(x_NCHW).sum(), x_NCHW)
    rows: FloatArray = gradient.flatten(1).double().numpy()
    return rows


def spectral_sum(gradient_ND: FloatArray) -> float:
    """-sum(log(v + k) + 1 / (v + k)) over the eigenvalues of the correlation matrix of the rows.

    -inf where a row is constant (no gradient): it has no correlation with any other.
    """
    if not (np.ptp(gradient_ND, axis=1) > 0).all():
        return -np.inf
    eigenvalue_N = np.maximum(np.linalg.eigvalsh(np.corrcoef(gradient_ND)), 0.0) + _OFFSET
    return float(-(np.log(eigenvalue_N) + 1 / eigenvalue_N).sum())
