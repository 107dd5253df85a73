"""The call that does many training steps (``step.c``): its structures, and the tensors that they point at."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nasbench_harness.native.kernels import WINOGRAD_FROM, Kernels

RULES = ("freeze", "decay", "decay-only", "momentum-only")
"""What happens to weights that a step does not use, by the numbers of ``step.c``."""

_LONG, _POINTER, _DOUBLE = ctypes.c_int64, ctypes.c_void_p, ctypes.c_double


class _Weight(ctypes.Structure):
    _fields_ = (
        *((name, _POINTER) for name in ("numbers", "momentum", "gradient")),
        *((name, _LONG) for name in ("outputs", "inputs", "kernel", "sampled", "moved", "reached")),
    )


_SIZES = (
    "threads", "image_channels", "side", "channels", "cells", "classes", "winograd_from", "weights", "reductions",
    "classifier",
)  # fmt: skip


class _Network(ctypes.Structure):
    _fields_ = (
        *((name, _LONG) for name in _SIZES),
        ("cell_weights", _POINTER),
        ("weight", ctypes.POINTER(_Weight)),
        ("rule", _LONG),
        ("nesterov", _LONG),
        *((name, _DOUBLE) for name in ("epsilon", "momentum", "decay")),
    )


class _Images(ctypes.Structure):
    _fields_ = (
        *((name, _POINTER) for name in ("pixels", "labels", "values")),
        ("padding", _LONG),
        ("border_is_black", _LONG),
        *((name, _POINTER) for name in ("order", "flips", "rows", "columns")),
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


@dataclass(eq=False)
class TrainedWeight:
    """A weight, convolutions in channels-last memory, with its momentum; ``sampled``, ``moved``: as in ``step.c``."""

    numbers: Tensor
    momentum: Tensor
    sampled: bool
    moved: bool


@dataclass(frozen=True, eq=False)
class Descent:
    """SGD with momentum, and the rule for weights that a step does not use."""

    rule: str
    momentum: float
    nesterov: bool
    decay: float


@dataclass(frozen=True, eq=False)
class ImagesOfPass:
    """Images as uint8 ``[N, C, H, W]`` in channels-last memory, and one pass over them.

    ``values``: the normalised value of every pixel, ``[C, 256]``. ``flips`` (bool ``[N]``) and ``offsets`` (int64
    ``[2, N]``) belong to places in ``order`` (int64 ``[N]``), as ``DeviceImages`` draws them.
    """

    pixels: Tensor
    labels: Tensor
    values: Tensor
    order: Tensor
    flips: Tensor | None
    offsets: Tensor | None
    padding: int
    border_is_black: bool


class Trainer:
    """Does steps in C; keeps their memory from call to call."""

    def __init__(self, kernels: Kernels) -> None:
        self._library, self.dtype = kernels.library, kernels.dtype
        self._library.new_pool.restype = _POINTER
        self._library.end_pool.argtypes = [_POINTER]
        self._library.training_steps.argtypes = [
            _POINTER, ctypes.POINTER(_Network), ctypes.POINTER(_Images), _LONG, _LONG, *[_POINTER] * 6
        ]  # fmt: skip
        self._pool = self._library.new_pool()

    def __del__(self) -> None:
        if getattr(self, "_pool", None):
            self._library.end_pool(self._pool)
            self._pool = None

    def train(
        self,
        layout: Layout,
        weights: Sequence[TrainedWeight],
        descent: Descent,
        epsilon: float,
        images: ImagesOfPass,
        bounds: npt.NDArray[np.int64],
        codes: npt.NDArray[np.uint8],
        sampled: npt.NDArray[np.uint8],
        routes: npt.NDArray[np.int64] | None,
        rates: npt.NDArray[np.float64],
    ) -> npt.NDArray[np.float64]:
        """Train in place; the losses ``[steps, architectures a step]``.

        ``bounds``: where the images of each step begin and end in the order, ``[steps + 1]``. ``codes``, ``sampled``:
        ``[steps, architectures a step, 6]`` with dead edges as ``none`` and as drawn. ``routes``: the copy of each
        cell, ``[steps, architectures a step, cells]``; None: the first. Raises ``MemoryError``: then the steps of this
        call are lost.
        """
        steps, at_once, _ = codes.shape
        codes, sampled = np.ascontiguousarray(codes), np.ascontiguousarray(sampled)
        routes = None if routes is None else np.ascontiguousarray(routes)
        gradients = torch.empty(sum(w.numbers.numel() for w in weights), dtype=self.dtype)
        given, start = (_Weight * len(weights))(), gradients.data_ptr()
        for to, weight in zip(given, weights, strict=True):
            outputs, inputs, kernel = (*weight.numbers.shape, 1, 1)[:3]
            to.numbers, to.momentum, to.gradient = weight.numbers.data_ptr(), weight.momentum.data_ptr(), start
            to.outputs, to.inputs, to.kernel = outputs, inputs, kernel
            to.sampled, to.moved = int(weight.sampled), int(weight.moved)
            start += weight.numbers.numel() * gradients.element_size()
        cell_weights = np.array(layout.cell_weights, dtype=np.int64)
        network = _Network(
            torch.get_num_threads(), layout.image_channels, layout.side, layout.channels, layout.cells, layout.classes,
            WINOGRAD_FROM, len(weights), layout.reductions, len(weights) - 2, cell_weights.ctypes.data, given,
            RULES.index(descent.rule), int(descent.nesterov), epsilon, descent.momentum, descent.decay,
        )  # fmt: skip
        rows, columns = (None, None) if images.offsets is None else images.offsets
        those = _Images(
            images.pixels.data_ptr(), images.labels.data_ptr(), images.values.data_ptr(), images.padding,
            int(images.border_is_black), images.order.data_ptr(), _pointer(images.flips), _pointer(rows),
            _pointer(columns),
        )  # fmt: skip
        losses = np.empty((steps, at_once))
        arrays = (bounds, codes, sampled, routes, rates, losses)
        pointers = [None if array is None else array.ctypes.data for array in arrays]
        if self._library.training_steps(self._pool, network, those, steps, at_once, *pointers):
            raise MemoryError("not enough memory for the activations of a training step")
        for to, weight in zip(given, weights, strict=True):
            weight.sampled, weight.moved = bool(to.sampled), bool(to.moved)
        return losses


def _pointer(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()
