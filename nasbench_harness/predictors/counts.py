"""What can be counted in an architecture: multiply-adds, parameters, nonlinearities.

Published numbers were recomputed by us from data files in official repositories. The truth is that of the EFS-NAS
repository, which holds a single seed for most architectures, so it is not `cifar10_test_200`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nasbench_harness.predictors.base import CLASSES, FloatArray, Predictor, PredictorContext, Published, predictors
from nasbench_harness.space import flops, nonlinearity_count, parameters

_PROTOCOL = "counted; CIFAR-10 test accuracy of the EFS-NAS repository (mostly one seed), all 15,625"
_AS_BUILT = (Published(0.576, 0.751, _PROTOCOL),)
_COUNTED = "a plain count; network: Dong, Yang, NAS-Bench-201, ICLR 2020, arXiv 2001.00326"


@predictors.register("flops")
@dataclass(frozen=True)
class Flops(Predictor):
    """Multiply-adds of the network as built, dead edges included."""

    source: ClassVar[str] = _COUNTED
    published: ClassVar[tuple[Published, ...]] = _AS_BUILT
    live: ClassVar[bool] = False

    def score(self, context: PredictorContext) -> FloatArray:
        """The count, for the context's network."""
        counted = flops(context.channels, context.cells, context.size, CLASSES, self.live, context.image_channels)
        return counted.astype(np.float64)


@predictors.register("live-flops")
@dataclass(frozen=True)
class LiveFlops(Flops):
    """Multiply-adds on edges that can influence the output."""

    published: ClassVar[tuple[Published, ...]] = (Published(0.653, 0.821, _PROTOCOL),)
    live: ClassVar[bool] = True


@predictors.register("parameters")
@dataclass(frozen=True)
class Parameters(Predictor):
    """Trainable parameters of the network as built, dead edges included."""

    source: ClassVar[str] = _COUNTED
    published: ClassVar[tuple[Published, ...]] = _AS_BUILT

    def score(self, context: PredictorContext) -> FloatArray:
        """The count, for the context's network."""
        counted = parameters(context.channels, context.cells, CLASSES, False, context.image_channels)
        return counted.astype(np.float64)


@predictors.register("nonlinearity-count")
@dataclass(frozen=True)
class NonlinearityCount(Predictor):
    """Most convolutions on a path through the cell, 0 to 3."""

    source: ClassVar[str] = "Oh, Lee, Ham, EFS-NAS, arXiv 2412.14678"
    published: ClassVar[tuple[Published, ...]] = (Published(0.565, 0.688, _PROTOCOL),)

    def score(self, context: PredictorContext) -> FloatArray:
        """The count; many architectures share one."""
        return nonlinearity_count().astype(np.float64)
