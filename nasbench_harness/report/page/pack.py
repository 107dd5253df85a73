"""Columns of numbers as short text: little-endian arrays in base64, equal numbers once where that is shorter."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.space import N_ARCHITECTURES, live_cell_of, live_cells

Packed = dict[str, Any]

_TYPES = {"<u1": "u1", "<u2": "u2", "<i4": "i4", "<f4": "f4", "<f8": "f8"}


def pack(values: npt.NDArray[Any]) -> Packed:
    """``values`` ``[A]``, floats or whole numbers from 0, for the page's ``unpack``.

    ``cells``: given for live cells alone, because the architectures of a live cell have one value. ``places``, where
    they are given, are positions in ``values``.
    """
    values, of_cells = _by_live_cell(values)
    kept = _kind(values)
    levels, places = np.unique(values, return_inverse=True)
    packed: Packed = {"cells": of_cells}
    narrow = places.astype("<u1" if len(levels) <= 2**8 else "<u2")
    if len(levels) <= 2**16 and levels.size * kept.itemsize + narrow.nbytes < values.size * kept.itemsize:
        return packed | _array("values", levels.astype(kept)) | _array("places", narrow)
    return packed | _array("values", values.astype(kept))


def _by_live_cell(values: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], bool]:
    if len(values) == N_ARCHITECTURES and np.array_equal(values, values[live_cell_of()], equal_nan=False):
        return values[live_cells()], True
    return values, False


def _kind(values: npt.NDArray[Any]) -> np.dtype[Any]:
    if values.dtype.kind == "f":
        return np.dtype("<f4" if values.dtype.itemsize <= 4 else "<f8")
    top = int(values.max(initial=0))
    return np.dtype("<u1" if top < 2**8 else "<u2" if top < 2**16 else "<i4")


def _array(name: str, values: npt.NDArray[Any]) -> Packed:
    kind = next(short for long, short in _TYPES.items() if values.dtype == np.dtype(long))
    return {name: b64encode(values.tobytes()).decode("ascii"), f"{name}_type": kind}
