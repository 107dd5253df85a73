"""The call that does many training steps (``step.c``): its structures, and the tensors that they point at."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nasbench_harness.native.kernels import Kernels
from nasbench_harness.native.structures import LONG, POINTER, Layout, NetworkHandle, NetworkStruct

RULES = ("freeze", "decay", "decay-only", "momentum-only")
"""What happens to weights that a step does not use, by their numbers in C."""


class _Images(ctypes.Structure):
    _fields_ = (
        *((name, POINTER) for name in ("pixels", "labels", "values")),
        ("padding", LONG),
        ("border_is_black", LONG),
        *((name, POINTER) for name in ("order", "flips", "rows", "columns")),
    )


@dataclass(eq=False)
class TrainedWeight:
    """A weight, convolutions in channels-last memory, with its momentum; ``sampled``, ``moved``: as C has them."""

    numbers: Tensor
    momentum: Tensor
    sampled: bool
    moved: bool


@dataclass(frozen=True, eq=False)
class Descent:
    """SGD with momentum, and the rule for weights that a step does not use.

    ``clip_norm``: bound on the norm of a step's gradients together; ``None``: there is none.
    """

    rule: str
    momentum: float
    nesterov: bool
    decay: float
    clip_norm: float | None = None


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
        self._library.new_pool.restype = POINTER
        self._library.end_pool.argtypes = [POINTER]
        self._library.training_steps.argtypes = [
            POINTER, ctypes.POINTER(NetworkStruct), ctypes.POINTER(_Images), LONG, LONG, *[POINTER] * 6
        ]  # fmt: skip
        self._pool = self._library.new_pool()

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Give its memory back; there are no steps after this."""
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
        network, start = NetworkHandle(layout, [w.numbers for w in weights], epsilon), gradients.data_ptr()
        for to, weight in zip(network.weights, weights, strict=True):
            to.momentum, to.gradient = weight.momentum.data_ptr(), start
            to.sampled, to.moved = int(weight.sampled), int(weight.moved)
            start += weight.numbers.numel() * gradients.element_size()
        struct = network.struct
        struct.threads = torch.get_num_threads()
        struct.rule, struct.nesterov = RULES.index(descent.rule), int(descent.nesterov)
        struct.momentum, struct.decay, struct.clip = descent.momentum, descent.decay, descent.clip_norm or 0.0
        rows, columns = (None, None) if images.offsets is None else images.offsets
        those = _Images(
            images.pixels.data_ptr(), images.labels.data_ptr(), images.values.data_ptr(), images.padding,
            int(images.border_is_black), images.order.data_ptr(), _pointer(images.flips), _pointer(rows),
            _pointer(columns),
        )  # fmt: skip
        losses = np.empty((steps, at_once))
        arrays = (bounds, codes, sampled, routes, rates, losses)
        pointers = [None if array is None else array.ctypes.data for array in arrays]
        if self._library.training_steps(self._pool, struct, those, steps, at_once, *pointers):
            raise MemoryError("not enough memory for the activations of a training step")
        for to, weight in zip(network.weights, weights, strict=True):
            weight.sampled, weight.moved = bool(to.sampled), bool(to.moved)
        return losses


def _pointer(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()
