"""Reading pickles of plain numbers without running what a pickle may ask for.

A pickle names functions to call. What files of containers, numbers and NumPy arrays need is listed here; everything
else is refused by name, before any call.

Official benchmark archives have a reader of their own (``truth/importers/official/pickle.py``) although they hold plain
numbers too: Python's unpickler keeps every object of a file until its end, some 30 GB for such an archive. That reader
forgets each architecture once it is read, and in return knows only the few instructions of those files: no array, and
nothing that Python 2 wrote.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

_rebuild_array = np.empty(0).__reduce__()[0]  # NumPy's own functions, wherever this version keeps them
_rebuild_scalar = np.float64(0).__reduce__()[0]


class RefusedError(pickle.UnpicklingError):
    """The pickle asks for something that files of its kind do not need; ``str`` says what."""


def encode_latin1(text: str, encoding: str) -> bytes:
    """How pickles before protocol 3 spell bytes; ``RefusedError`` for any other encoding."""
    if encoding != "latin1":
        raise RefusedError(f"it holds text in the encoding {encoding!r}")
    return text.encode("latin1")


Names = Mapping[tuple[str, str], Any]

ARRAYS: Names = {
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _rebuild_array for core in ("core", "_core")},
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): encode_latin1,
}
"""Module and name of what NumPy arrays need: what stands behind them."""

ARRAYS_AND_SCALARS: Names = {
    **ARRAYS,
    **{(f"numpy.{core}.multiarray", "scalar"): _rebuild_scalar for core in ("core", "_core")},
}
"""The same with single NumPy numbers."""


def load(stream: BinaryIO, admitted: Names, kind: str, encoding: str = "ASCII") -> object:
    """The content of a pickle; ``RefusedError`` for a name that is not ``admitted``.

    ``kind`` says in messages what such a file is (``CIFAR-10 batch``); ``encoding``: of texts that Python 2 wrote. A
    damaged pickle can raise nearly any ``Exception``.
    """
    return _Unpickler(stream, admitted, kind, encoding).load()


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream: BinaryIO, admitted: Names, kind: str, encoding: str) -> None:
        super().__init__(stream, encoding=encoding)
        self._admitted, self._kind = admitted, kind

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._admitted[module, name]
        except KeyError:
            raise RefusedError(f"it asks for {module}.{name}, which no {self._kind} needs") from None
