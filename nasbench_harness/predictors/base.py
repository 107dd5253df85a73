"""The contract of a training-free predictor: a context in, one score for each of the 15,625 architectures out.

They are references: a trained supernet that ranks no better than one of them has not paid for its training.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import UsageError
from nasbench_harness.registry import Registry
from nasbench_harness.space import N_STAGES
from nasbench_harness.system.progress import Progress, Silent

if TYPE_CHECKING:
    from nasbench_harness.images import ImageSet
    from nasbench_harness.truth import TruthTable

FloatArray = npt.NDArray[np.float64]

Need = Literal["nothing", "images", "truth"]

CLASSES = 10
"""Outputs of the networks: both image sets have ten classes."""
IMAGE_SIDE = 16
"""Side of the images where none is asked for: CIFAR-10 at half its size."""


@dataclass(frozen=True)
class Published:
    """A number that others measured, and under which protocol: never the same as ours unless it says so."""

    kendall_tau: float | None
    spearman: float | None
    protocol: str

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"kendall_tau": self.kendall_tau, "spearman": self.spearman, "protocol": self.protocol}


@dataclass(frozen=True, eq=False)
class PredictorContext:
    """All that a predictor may look at: sizes of the untrained networks, a seed, images, a truth table.

    ``channels``, ``cells``: of the stem and a stage. ``size``: side of the images in pixels; ``batch``: how many of
    them. ``seed``: of weights, noise and the draw of images. ``images`` and ``table`` are None where there is none.
    ``policy``: the column that the scores will be judged by. ``work``: folder for finished parts, None: keep none.
    Raises ``UsageError`` for a size that the network cannot halve twice, and for numbers below their minimum.
    """

    channels: int = 16
    cells: int = 5
    size: int = IMAGE_SIDE
    batch: int = 64
    seed: int = 0
    images: ImageSet | None = None
    table: TruthTable | None = None
    policy: str | None = None
    work: Path | None = None
    progress: Progress = field(default_factory=Silent)

    def __post_init__(self) -> None:
        for name, least in (("channels", 1), ("cells", 1), ("size", 4), ("batch", 2), ("seed", 0)):
            if getattr(self, name) < least:
                raise UsageError(f"{name} {getattr(self, name)} is too small; give at least {least}")
        if self.size % 2 ** (N_STAGES - 1):
            raise UsageError(f"size {self.size}: the network halves the side twice; choose a multiple of 4")

    @property
    def image_channels(self) -> int:
        """Colours of an image: those of the images, or 3 where there are none."""
        return 3 if self.images is None else int(self.images.images.shape[1])

    def settings(self) -> dict[str, Any]:
        """What decides the untrained networks and their inputs, as JSON."""
        return {
            "channels": self.channels,
            "cells": self.cells,
            "size": self.size,
            "image_channels": self.image_channels,
            "batch": self.batch,
            "seed": self.seed,
            "images": None if self.images is None else self.images.provenance,
        }


class Predictor(ABC):
    """Scores every architecture without training. Members are frozen dataclasses of their options.

    ``direction``: ``+`` where more of the named quantity predicts a better architecture, ``-`` where less does; the
    score already has that sign. ``needs``: what the context must hold. ``source``: who described it. ``published``:
    verified correlations of others on CIFAR-10; empty where none was verified.
    """

    direction: ClassVar[Literal["+", "-"]] = "+"
    needs: ClassVar[Need] = "nothing"
    source: ClassVar[str] = ""
    published: ClassVar[tuple[Published, ...]] = ()

    @abstractmethod
    def score(self, context: PredictorContext) -> FloatArray:
        """Finite scores by our index, float64 ``[15625]``, higher = better.

        Raises ``UsageError`` where the context lacks what the predictor needs.
        """

    def lacks(self, context: PredictorContext) -> str | None:
        """Why this predictor cannot score in this context, or None."""
        if self.needs == "images" and context.images is None:
            return "it looks at real images: give --images DIR, or --images digits"
        return None


predictors: Registry[Predictor] = Registry("predictor")
