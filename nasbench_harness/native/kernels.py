"""The kernels as functions of tensors. Activations are ``[blocks, channels, height, width, lanes]``, contiguous.

``x_BCHWL`` holds image ``b * lanes + l`` in lane ``l`` of block ``b``; lanes beyond the last image hold nothing of
meaning. A *padded* activation has a border of zeros one pixel wide: ``[blocks, channels, height + 2, width + 2,
lanes]``.
Shapes are not checked here: these are called a hundred times a step, by ``supernet.native_engine`` alone.
"""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from nasbench_harness.native.build import NoKernelsError, library, load, openmp, refuse_disabled
from nasbench_harness.native.built_in import built_in, share_openmp
from nasbench_harness.native.targets import Target

_log = logging.getLogger(__name__)

_POINTER, _LONG, _INT, _DOUBLE = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int, ctypes.c_double

_SIGNATURES = {
    "convolve": [_INT, *[_LONG] * 7, _POINTER, *[_LONG] * 3, _POINTER, _POINTER, _INT, _POINTER],
    "convolve_winograd": [_INT, *[_LONG] * 5, _POINTER, *[_LONG] * 3, _POINTER, _POINTER, _INT, _POINTER],
    "convolve_winograd_4x4": [_INT, *[_LONG] * 5, _POINTER, *[_LONG] * 3, _POINTER, _POINTER, _INT, _POINTER],
    "pack_winograd_4x4": [_INT, *[_LONG] * 2, _POINTER, *[_LONG] * 4, _INT, _POINTER],
    "pack_winograd": [_INT, *[_LONG] * 2, _POINTER, *[_LONG] * 4, _INT, _POINTER],
    "pack": [_INT, *[_LONG] * 3, _POINTER, *[_LONG] * 4, _INT, _POINTER],
    "weight_gradient": [
        _INT, *[_LONG] * 7, _POINTER, *[_LONG] * 3, _POINTER, *[_LONG] * 3, _POINTER, *[_LONG] * 4, _POINTER
    ],
    "finalise": [_INT, *[_LONG] * 3, _POINTER, _DOUBLE, _POINTER, _POINTER],
    "gather_statistics": [_INT, *[_LONG] * 3, _POINTER, _POINTER],
    "add_up": [_INT, *[_LONG] * 4, _INT, _POINTER, _POINTER, _POINTER, _INT, _POINTER, _POINTER, _POINTER],
    "add_up_backward": [_INT, *[_LONG] * 3, _INT, _POINTER, _POINTER, _POINTER, _POINTER],
    "normalise_backward": [_INT, *[_LONG] * 5, *[_POINTER] * 4, _LONG, _POINTER],
    "pool": [_INT, *[_LONG] * 3, _POINTER, _INT, _POINTER],
    "halve": [_INT, *[_LONG] * 3, _POINTER, _INT, _POINTER],
    "lay_out": [_INT, *[_LONG] * 5, _POINTER, *[_LONG] * 4, _POINTER],
}  # fmt: skip

WRITE, ADD, GATHER, GATHER_PAST = 0, 1, 2, 3
"""What a convolution does with its sums: write them, add them, or write them and gather their statistics, and the
last again for outputs that no cache holds until they are read: these are written past the caches."""


@dataclass(frozen=True)
class Packed:
    """Weights in the order in which tiles read them."""

    numbers: Tensor
    inputs: int
    outputs: int
    kernel: int
    tile: int = 0
    """Side of the tiles of outputs for which they are turned (``winograd.c``, ``winograd_4x4.c``); 0: as they are."""


LARGE_TILES_FROM, WINOGRAD_FROM = 5, 10
"""Inputs and outputs from which products saved outweigh the additions they cost (measured: about equal at 8)."""


class Kernels:
    """The compiled functions for one type of numbers."""

    def __init__(self, path: Path, dtype: torch.dtype, target: Target | None = None) -> None:
        """Load them; ``NoKernelsError`` where that fails. ``target``: they are the package's own, for that one."""
        if target is not None:
            share_openmp(openmp())
        self.library = load(path, of_package=target is not None)
        self.dtype = dtype
        self.origin = "compiled here" if target is None else f"built in for {target.name}"
        for name, arguments in _SIGNATURES.items():
            function = getattr(self.library, name)
            function.argtypes, function.restype = arguments, None
        self.library.gradient_room.argtypes, self.library.gradient_room.restype = [_LONG] * 7, _LONG
        self.lanes: int = self.library.lanes()

    def empty(self, *shape: int) -> Tensor:
        """An activation of no content."""
        return torch.empty(*shape, self.lanes, dtype=self.dtype)

    def lay_out(self, x_NCHW: Tensor) -> Tensor:
        """Images ``[N, C, H, W]`` as a padded activation; the last block is filled up with zeros."""
        n, c, h, w = x_NCHW.shape
        blocks = -(-n // self.lanes)
        padded = self.empty(blocks, c, h + 2, w + 2)
        strides = x_NCHW.stride()
        self.library.lay_out(_threads(), blocks, c, h, w, n, x_NCHW.data_ptr(), *strides, padded.data_ptr())
        return padded

    def tile_of(self, weight: Tensor, height: int, width: int, stride: int = 1) -> int:
        """The tiles by which a convolution over ``height`` x ``width`` pixels is fastest, by the rule of C."""
        outputs, inputs, kernel, _ = weight.shape
        if kernel != 3 or stride != 1:
            return 0
        if height % 4 == width % 4 == 0 and min(inputs, outputs) >= LARGE_TILES_FROM and inputs + outputs <= 192:
            return 4
        return 2 if height % 2 == width % 2 == 0 and min(inputs, outputs) >= WINOGRAD_FROM else 0

    def pack(self, weight: Tensor, transposed: bool = False, tile: int = 0) -> Packed:
        """A weight ``[outputs, inputs, k, k]`` of any memory layout; ``transposed`` for the gradient of the input.

        ``tile``: as numbers for fewer products (stride 1, sides that are multiples of it; 2 or 4).
        """
        outputs, inputs, kernel, _ = weight.shape
        numbers = torch.empty(outputs * inputs * ((tile + 2) if tile else kernel) ** 2, dtype=self.dtype)
        given, turn, to = (weight.data_ptr(), *weight.stride()), int(transposed), numbers.data_ptr()
        if tile:
            turned = self.library.pack_winograd if tile == 2 else self.library.pack_winograd_4x4
            turned(_threads(), outputs, inputs, *given, turn, to)
        else:
            self.library.pack(_threads(), outputs, inputs, kernel, *given, turn, to)
        return Packed(numbers, outputs if transposed else inputs, inputs if transposed else outputs, kernel, tile)

    def convolve(
        self,
        x: Tensor,
        weights: Packed,
        stride: int = 1,
        padded: bool = True,
        mode: int = WRITE,
        out: Tensor | None = None,
        statistics: Tensor | None = None,
    ) -> Tensor:
        """Convolution with zero padding of a padded activation, or, 1 x 1 only, of one without border (``padded``).

        ``out`` takes the sums where given (needed with ``ADD``); ``statistics`` as ``new_statistics`` where they are
        gathered.
        """
        blocks, channels, rows, row, lanes = x.shape
        border = 2 if padded else 0
        height, width = (rows - border) // stride, (row - border) // stride
        if out is None:
            out = self.empty(blocks, weights.outputs, height, width)
        start = x.data_ptr()
        if padded and weights.kernel == 1:
            start += (row + 1) * lanes * x.element_size()
        if weights.tile:
            by_tiles = self.library.convolve_winograd if weights.tile == 2 else self.library.convolve_winograd_4x4
            by_tiles(
                _threads(), blocks, channels, weights.outputs, height, width, start, channels * rows * row, rows * row,
                row, weights.numbers.data_ptr(), out.data_ptr(), mode,
                None if statistics is None else statistics.data_ptr(),
            )  # fmt: skip
            return out
        self.library.convolve(
            _threads(), blocks, channels, weights.outputs, height, width, weights.kernel, stride, start,
            channels * rows * row, rows * row, row, weights.numbers.data_ptr(), out.data_ptr(), mode,
            None if statistics is None else statistics.data_ptr(),
        )  # fmt: skip
        return out

    def weight_gradient(
        self, weight: Tensor, x: Tensor, gradient: Tensor, stride: int = 1, padded: bool = True
    ) -> Tensor:
        """Gradient of a weight, in its memory layout, from the convolution's input and its output's gradient.

        ``padded``: both have a border, as ``normalise_backward`` leaves it; 1 x 1 weights may do without on both.
        """
        outputs, inputs, kernel, _ = weight.shape
        blocks, _, rows, row, lanes = x.shape
        border = 2 if padded else 0
        height, width = (rows - border) // stride, (row - border) // stride
        size = x.element_size() * lanes
        start = x.data_ptr() + ((row + 1) * size if padded and kernel == 1 else 0)
        down, across = gradient.shape[2:4]
        begin = gradient.data_ptr() + ((across + 1) * size if padded else 0)
        made = torch.empty_like(weight)
        sums = self.empty(self.library.gradient_room(blocks, inputs, outputs, height, width, kernel, stride))
        self.library.weight_gradient(
            _threads(), blocks, inputs, outputs, height, width, kernel, stride, start, inputs * rows * row, rows * row,
            row, begin, outputs * down * across, down * across, across, made.data_ptr(), *made.stride(),
            sums.data_ptr(),
        )  # fmt: skip
        return made

    def new_statistics(self, x: Tensor, channels: int) -> Tensor:
        """Room for the statistics of an output with so many channels of the images of ``x``."""
        return torch.empty(x.shape[0], channels, 3, self.lanes, dtype=self.dtype)

    def statistics_of(self, x: Tensor) -> Tensor:
        """Statistics of an activation without border."""
        blocks, channels, height, width, _ = x.shape
        statistics = self.new_statistics(x, channels)
        self.library.gather_statistics(
            _threads(), blocks * channels, height, width, x.data_ptr(), statistics.data_ptr()
        )
        return statistics

    def finalise(self, statistics: Tensor, pixels: int, images: int, epsilon: float) -> tuple[Tensor, Tensor]:
        """Mean and inverse standard deviation ``[channels]`` of a batch of ``images``."""
        channels = statistics.shape[1]
        both = torch.empty(2, channels, dtype=self.dtype)
        mean, scale = both.unbind()
        self.library.finalise(
            _threads(), channels, pixels, images, statistics.data_ptr(), epsilon, mean.data_ptr(), scale.data_ptr()
        )
        return mean, scale

    def add_up(
        self,
        convolved: Sequence[tuple[Tensor, Tensor, Tensor]],
        plains: Sequence[Tensor],
        plain: bool,
        padded: bool,
        into: Tensor | None = None,
    ) -> tuple[Tensor | None, Tensor | None]:
        """Sum of (output, mean, inverse deviation) normalised, and of activations as they are; at most three in all.

        Returned as it is (where ``plain``; in ``into`` where given) and, rectified, with a border (where ``padded``).
        """
        blocks, channels, height, width, _ = (convolved[0][0] if convolved else plains[0]).shape
        x = into if into is not None else self.empty(blocks, channels, height, width) if plain else None
        relu = self.empty(blocks, channels, height + 2, width + 2) if padded else None
        self.library.add_up(
            _threads(), blocks, channels, height, width, len(convolved), _pointers([c[0] for c in convolved]),
            _pointers([c[1] for c in convolved]), _pointers([c[2] for c in convolved]), len(plains), _pointers(plains),
            None if x is None else x.data_ptr(), None if relu is None else relu.data_ptr(),
        )  # fmt: skip
        return x, relu

    def add_up_backward(self, plains: Sequence[Tensor], behind: Tensor | None, relu: Tensor | None) -> Tensor:
        """Gradient of an activation: of its plain uses, and ``behind`` its ReLU (kept padded in ``relu``)."""
        like = plains[0] if behind is None else behind
        blocks, channels, height, width, _ = like.shape
        out = torch.empty_like(like)
        self.library.add_up_backward(
            _threads(), blocks * channels, height, width, len(plains), _pointers(plains),
            None if behind is None else behind.data_ptr(), None if relu is None else relu.data_ptr(), out.data_ptr(),
        )  # fmt: skip
        return out

    def normalise_backward(
        self, gradient: Tensor, raw: Tensor, mean: Tensor, scale: Tensor, images: int, spacing: int = 1
    ) -> Tensor:
        """Gradient of what was normalised, padded; ``spacing`` 2 leaves zeros between, as a stride of 2 skipped."""
        blocks, channels, height, width, _ = raw.shape
        padded = self.empty(blocks, channels, height * spacing + 2, width * spacing + 2)
        self.library.normalise_backward(
            _threads(), blocks, channels, height, width, images, gradient.data_ptr(), raw.data_ptr(), mean.data_ptr(),
            scale.data_ptr(), spacing, padded.data_ptr(),
        )  # fmt: skip
        return padded

    def pool(self, x: Tensor, transposed: bool = False, out: Tensor | None = None) -> Tensor:
        """3 x 3 average pooling, outside does not count; ``transposed``: its gradient."""
        blocks, channels, height, width, _ = x.shape
        out = torch.empty_like(x) if out is None else out
        self.library.pool(_threads(), blocks * channels, height, width, x.data_ptr(), int(transposed), out.data_ptr())
        return out

    def halve(self, x: Tensor, transposed: bool = False) -> Tensor:
        """2 x 2 average pooling with stride 2; ``transposed``: its gradient."""
        blocks, channels, height, width, _ = x.shape
        if transposed:
            out = self.empty(blocks, channels, 2 * height, 2 * width)
        else:
            height, width = height // 2, width // 2
            out = self.empty(blocks, channels, height, width)
        self.library.halve(_threads(), blocks * channels, height, width, x.data_ptr(), int(transposed), out.data_ptr())
        return out


def _pointers(tensors: Sequence[Tensor]) -> ctypes.Array[ctypes.c_void_p]:
    return (ctypes.c_void_p * 3)(*[tensor.data_ptr() for tensor in tensors])


def _threads() -> int:
    return torch.get_num_threads()


@cache
def _loaded(numbers: str, lanes: int | None) -> Kernels | str:
    dtype = torch.float64 if numbers == "double" else torch.float32
    try:
        refuse_disabled()
        found = built_in(numbers, lanes)
        if found is not None:
            try:
                return Kernels(found[0], dtype, found[1])
            except NoKernelsError as error:
                _log.warning("%s; they are compiled anew for this processor", error)
        return Kernels(library(numbers, lanes), dtype)
    except NoKernelsError as error:
        return str(error)


def kernels(dtype: torch.dtype = torch.float32, lanes: int | None = None) -> Kernels | None:
    """The kernels for float32 or float64; ``None`` if there are none.

    Those of the wheel, or else compiled at the first call (seconds).
    """
    if dtype not in (torch.float32, torch.float64):
        return None
    found = _loaded("double" if dtype == torch.float64 else "float", lanes)
    return found if isinstance(found, Kernels) else None


def kernels_description() -> str:
    """For records and ``doctor``: where they are from and how many images a vector holds, or why there are none."""
    found = _loaded("float", None)
    return f"{found.origin}, {found.lanes} images a vector" if isinstance(found, Kernels) else f"none: {found}"
