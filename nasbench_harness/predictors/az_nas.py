"""AZ-NAS: four quantities of an untrained network put together by their ranks."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from nasbench_harness.metrics.correlation import mean_ranks
from nasbench_harness.predictors.base import CLASSES, FloatArray, Predictor, PredictorContext, Published, predictors
from nasbench_harness.predictors.sweep import image_batches, noise_batch, over_all, sweep
from nasbench_harness.space import connected, flops

if TYPE_CHECKING:
    from torch import Tensor

    from nasbench_harness.supernet.untrained import UntrainedNetwork


@predictors.register("az-nas")
@dataclass(frozen=True)
class AzNas(Predictor):
    """Sum of log rank of expressivity, progressivity, trainability and FLOPs (as built).

    ``inputs``: ``noise`` as in the released notebook for NAS-Bench-201, or ``images``. Weights after He, fan in.
    """

    source: ClassVar[str] = "Lee, Ham, AZ-NAS, CVPR 2024, arXiv 2403.19232; code: cvlab-yonsei/AZ-NAS"
    published: ClassVar[tuple[Published, ...]] = (
        Published(
            0.741,
            0.913,
            "official notebook, seed 1: C16 N5, 32 x 32, noise, batch 64, CIFAR-10 test accuracy, all 15,625",
        ),
    )

    inputs: Literal["noise", "images"] = "noise"

    def score(self, context: PredictorContext) -> FloatArray:
        """The sum over the four; ranks are among all 15,625, equal values share their mean rank."""
        x_NCHW = noise_batch(context) if self.inputs == "noise" else image_batches("az-nas", context)[0][0]
        x_NCHW = x_NCHW.requires_grad_()
        values = sweep(
            "az-nas", self, context, lambda network: quantities(network, x_NCHW), quantities=3, initialisation="he"
        )
        parts = [over_all(value_C) for value_C in values.T]
        parts.append(
            flops(context.channels, context.cells, context.size, CLASSES, False, context.image_channels).astype(float)
        )
        score_A = log_rank_sum(parts)
        score_A[~connected()] = score_A.min() - 1.0
        return score_A

    def lacks(self, context: PredictorContext) -> str | None:
        """Images, if it is to look at images."""
        if self.inputs == "images" and context.images is None:
            return "it looks at real images: give --images DIR, or --images digits"
        return None


def log_rank_sum(parts: list[FloatArray]) -> FloatArray:
    """Sum over vectors ``[n]`` of log(rank / n), rank n for the highest value; equal values share their mean rank."""
    total_A = np.zeros(parts[0].size)
    for part_A in parts:
        code_A = np.unique(part_A, return_inverse=True)[1]
        total_A += np.log(mean_ranks(code_A) / part_A.size)
    return total_A


def quantities(network: UntrainedNetwork, x_NCHW: Tensor) -> list[float]:
    """Expressivity, progressivity and trainability from the outputs of the stem, cells and residual blocks."""
    outputs = network.features(x_NCHW)
    entropy_F = np.array([entropy(output) for output in outputs])
    trainability = [passes_back(network, x, y) for x, y in pairwise(outputs)]
    return [float(entropy_F.sum()), float(np.diff(entropy_F).min()), float(np.mean(trainability))]


def entropy(x_NCHW: Tensor) -> float:
    """Entropy of the shares of variance along the principal axes of the channels."""
    import torch

    pixel_PC = x_NCHW.detach().permute(0, 2, 3, 1).flatten(0, 2)
    pixel_PC = pixel_PC - pixel_PC.mean(0)
    variance_C = torch.linalg.eigvalsh(pixel_PC.T @ pixel_PC / len(pixel_PC)).double().clamp(min=0)
    share_C = variance_C / variance_C.sum()
    return float(-(share_C * (share_C + 1e-8).log()).sum())


def passes_back(network: UntrainedNetwork, x_NCHW: Tensor, y_NCHW: Tensor) -> float:
    """2 - s - 1/s with s the top singular value between random signs at a block's output and what reaches its input.

    Highest (0) where the block hands gradients back at the size they had; -inf where it hands back the very signs.
    """
    import torch
    from torch.nn import functional as F

    signs = torch.randint(0, 2, y_NCHW.shape, generator=network.generator).to(y_NCHW.dtype).mul_(2).sub_(1)
    [back] = torch.autograd.grad(y_NCHW, x_NCHW, signs)
    if back.shape == signs.shape and torch.equal(back, signs):
        return -np.inf
    if back.shape[2] != signs.shape[2]:
        back = F.pixel_unshuffle(back, back.shape[2] // signs.shape[2])
    back_PC, sign_PC = (g.permute(0, 2, 3, 1).flatten(0, 2) for g in (back, signs))
    top = float(torch.linalg.matrix_norm(back_PC.T @ sign_PC / len(sign_PC), 2))
    return -top - 1 / (top + 1e-6) + 2
