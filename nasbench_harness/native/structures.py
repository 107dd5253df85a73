"""A supernet as the calls that train and score it see it; a header in this folder has the same."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from nasbench_harness.native.kernels import WINOGRAD_FROM

LONG, POINTER, DOUBLE = ctypes.c_int64, ctypes.c_void_p, ctypes.c_double


class WeightStruct(ctypes.Structure):
    """One weight: where its numbers lie, and its sizes; the rest is for training."""

    _fields_ = (
        *((name, POINTER) for name in ("numbers", "momentum", "gradient")),
        *((name, LONG) for name in ("outputs", "inputs", "kernel", "sampled", "moved", "reached")),
    )


_SIZES = (
    "threads", "image_channels", "side", "channels", "cells", "classes", "winograd_from", "weights", "reductions",
    "classifier",
)  # fmt: skip


class NetworkStruct(ctypes.Structure):
    """Sizes, weights, and how they are trained."""

    _fields_ = (
        *((name, LONG) for name in _SIZES),
        ("cell_weights", POINTER),
        ("weight", ctypes.POINTER(WeightStruct)),
        ("rule", LONG),
        ("nesterov", LONG),
        *((name, DOUBLE) for name in ("epsilon", "momentum", "decay", "clip")),
    )


@dataclass(frozen=True)
class Layout:
    """Sizes of a supernet, and where weights stand among all: those of each cell's first copy, of the reductions.

    The stem is the first of all; a copy of a cell has its six 1 x 1 convolutions and its six 3 x 3; a reduction has its
    two convolutions and its shortcut; the classifier's matrix and its bias are the last.
    """

    image_channels: int
    side: int
    channels: int
    cells: int
    classes: int
    cell_weights: Sequence[int]
    reductions: int


class NetworkHandle:
    """A ``NetworkStruct`` together with what it points at."""

    def __init__(self, layout: Layout, weights: Sequence[Tensor], epsilon: float) -> None:
        """``weights`` in the order of ``Layout``, convolutions in channels-last memory."""
        self.weights = (WeightStruct * len(weights))()
        for to, weight in zip(self.weights, weights, strict=True):
            to.numbers = weight.data_ptr()
            to.outputs, to.inputs, to.kernel = (*weight.shape, 1, 1)[:3]
        self._cell_weights = np.array(layout.cell_weights, dtype=np.int64)
        self._tensors = list(weights)
        self.struct = NetworkStruct(
            1, layout.image_channels, layout.side, layout.channels, layout.cells, layout.classes, WINOGRAD_FROM,
            len(weights), layout.reductions, len(weights) - 2, self._cell_weights.ctypes.data, self.weights,
            epsilon=epsilon,
        )  # fmt: skip
