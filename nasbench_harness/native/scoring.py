"""The calls that score architectures (``score.c``): a batch of images once, then logits of one after the other."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import torch
from torch import Tensor

from nasbench_harness.native.kernels import Kernels
from nasbench_harness.native.structures import LONG, POINTER, Layout, NetworkHandle, NetworkStruct

NEAR_BYTES = 1 << 19
"""Of a node's images that are worked on at once by each thread: a core's second-level cache, or half of it (measured:
docs/performance.md)."""

FAR_BYTES = 1 << 23
"""Outputs from this size on are written past the caches."""

MOST_REMEMBERED = 3 << 26
"""Bytes of the first cell's edge outputs that are kept: 500 images at 5 channels and 32 pixels fill it with all 18."""

NO_MEMORY = "not enough memory for the activations of a scoring batch; a smaller scoring.batch_size needs less"


class Scorer:
    """A network whose weights do not change while this is used; it keeps its memory from call to call."""

    def __init__(
        self,
        kernels: Kernels,
        layout: Layout,
        weights: Sequence[Tensor],
        epsilon: float,
        copies: int,
        edge_weight_E: Sequence[float],
    ) -> None:
        """``weights`` as ``Layout`` has them, convolutions in channels-last memory; the first cell has ``copies``.

        ``edge_weight_E`` ``[6]`` multiplies what the edges give; an edge of weight 0 must be ``none`` in every code.
        """
        self._library, self._layout, self._dtype = kernels.library, layout, kernels.dtype
        library = self._library
        library.new_scoring.argtypes = [ctypes.POINTER(NetworkStruct), *[LONG] * 4, POINTER]
        library.new_scoring.restype = POINTER
        library.end_scoring.argtypes, library.end_scoring.restype = [POINTER], None
        library.score_batch.argtypes = [POINTER, ctypes.c_int, LONG, POINTER, *[LONG] * 4]
        library.score_one.argtypes = [POINTER, ctypes.c_int, POINTER, POINTER, POINTER]
        self._network = NetworkHandle(layout, weights, epsilon)
        times = (ctypes.c_double * len(edge_weight_E))(*edge_weight_E)
        self._scoring = library.new_scoring(self._network.struct, copies, NEAR_BYTES, FAR_BYTES, MOST_REMEMBERED, times)
        if not self._scoring:
            raise MemoryError(NO_MEMORY)
        self._images = 0

    def __del__(self) -> None:
        if getattr(self, "_scoring", None):
            self._library.end_scoring(self._scoring)
            self._scoring = None

    def begin(self, x_NCHW: Tensor) -> None:
        """Take these images in the place of those before. Raises ``MemoryError``."""
        self._images = len(x_NCHW)
        threads, strides = torch.get_num_threads(), x_NCHW.stride()
        if self._library.score_batch(self._scoring, threads, self._images, x_NCHW.data_ptr(), *strides):
            raise MemoryError(NO_MEMORY)

    def logits(self, code: Sequence[int], route: Sequence[int]) -> Tensor:
        """Logits ``[images, classes]`` of a code whose dead edges are ``none``, by the copies of cells in ``route``.

        Raises ``MemoryError``: then ``begin`` comes first again.
        """
        made = torch.empty(self._images, self._layout.classes, dtype=self._dtype)
        steps, copies = (ctypes.c_uint8 * len(code))(*code), (LONG * len(route))(*route)
        if self._library.score_one(self._scoring, torch.get_num_threads(), steps, copies, made.data_ptr()):
            raise MemoryError(NO_MEMORY)
        return made
