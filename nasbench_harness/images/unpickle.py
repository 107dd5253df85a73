"""Reading the official python batches of CIFAR-10 without running what a pickle may ask for.

A pickle names functions to call. The official batches (written by Python 2) need three: the two that rebuild a NumPy
array and its type, and in re-saved copies a decoder of text. Everything else is refused by name, before any call.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from nasbench_harness.errors import DataError

_rebuild_array = np.empty(0).__reduce__()[0]  # NumPy's own function, wherever this version keeps it


def _encode_latin1(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"text in the encoding {encoding!r}")
    return text.encode("latin1")


_ADMITTED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _rebuild_array,
    ("numpy._core.multiarray", "_reconstruct"): _rebuild_array,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _encode_latin1,
}


class _Restricted(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ADMITTED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no CIFAR-10 batch needs") from None


def read_batch(path: Path) -> dict[bytes, Any]:
    """The dictionary of a python batch (keys as bytes); ``DataError`` when it is damaged or asks for anything else."""
    try:
        with open(path, "rb") as stream:
            content = _load(stream)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}; check the path") from error
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise DataError(f"{path} is not an official CIFAR-10 python batch ({error}); unpack it again") from error
    if not isinstance(content, dict):
        raise DataError(f"{path} holds a {type(content).__name__}, not a CIFAR-10 batch; unpack the archive again")
    return content


def _load(stream: BinaryIO) -> object:
    return _Restricted(stream, encoding="bytes").load()
