"""What may stand in a pickle beside plain values: harmless functions of our own behind the names that files use."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_TYPE_CODE = re.compile(r"[fiu][248]|[iub]1")
_MOST_DIMENSIONS = 4
_PLAIN = frozenset({str, bytes, int, float, bool, type(None)})


class RefusedError(ValueError):
    """The pickle asks for something that files of its kind do not need; ``str`` says what."""


@dataclass(frozen=True)
class Admitted:
    """A name that a file may use: calling it calls our own function."""

    call: Callable[..., Any]


@dataclass
class NumberType:
    """Stand-in for ``numpy.dtype``: plain numbers only. ``code``: byte order, kind and bytes, such as ``<f8``."""

    code: str

    def set_order(self, state: tuple[Any, ...]) -> None:
        """Take the byte order, and nothing else, from the state of a pickled ``numpy.dtype``."""
        order = _text(state[1])
        if order not in ("<", ">", "|", "="):
            raise RefusedError(f"it holds NumPy values of the byte order {order!r}")
        self.code = order.replace("=", "<") + self.code[1:]


class NewArray:
    """An array that a pickle has announced and not filled yet; ``filled`` is what it becomes."""

    filled: npt.NDArray[Any] | None = None

    def fill(self, state: tuple[Any, ...]) -> None:
        """Take shape, type and numbers from the state of a pickled array; once."""
        _, shape, kind, by_columns, raw = state
        if self.filled is not None or not isinstance(kind, NumberType) or not isinstance(raw, bytes):
            raise RefusedError("it holds an array of something else than plain numbers")
        if not isinstance(shape, tuple) or len(shape) > _MOST_DIMENSIONS:
            raise RefusedError("it holds an array of an impossible shape")
        if not all(type(length) is int and 0 <= length < 1 << 31 for length in shape):
            raise RefusedError("it holds an array of an impossible shape")
        dtype = np.dtype(kind.code)
        if math.prod(shape) * dtype.itemsize != len(raw):
            raise RefusedError(f"it holds an array of {math.prod(shape)} numbers in {len(raw)} bytes")
        self.filled = np.frombuffer(raw, dtype).reshape(shape, order="F" if by_columns else "C")


def is_key(value: object) -> bool:
    """Whether a value may be a key or a member of a set: what is hashed goes no deeper than a tuple of plain values."""
    if type(value) is tuple:
        return all(type(part) in _PLAIN for part in value)
    return type(value) in _PLAIN


def checked_keys(keys: Iterable[object]) -> None:
    """``RefusedError`` where one of the keys is something else."""
    for key in keys:
        if not is_key(key):
            raise RefusedError(f"it holds a {type(key).__name__} as a key")


def new_mapping(pairs: Iterable[Any] = ()) -> dict[Any, Any]:
    """A dictionary of pairs, for mappings of any class."""
    made = [(key, value) for key, value in pairs]
    checked_keys(key for key, _ in made)
    return dict(made)


def new_set(members: Iterable[Any] = ()) -> set[Any]:
    """A set of plain values."""
    made = list(members)
    checked_keys(made)
    return set(made)


def new_number_type(code: object, *_flags: object) -> NumberType:
    """What stands for ``numpy.dtype(code)``."""
    found = _text(code)
    if not isinstance(found, str) or not _TYPE_CODE.fullmatch(found):
        raise RefusedError(f"it holds NumPy values of the type {str(found)[:80]!r}")
    return NumberType(f"{'|' if found[1] == '1' else '<'}{found}")


def new_array(_kind: object, _shape: object, _code: object) -> NewArray:
    """What stands for an array until its numbers come."""
    return NewArray()


def scalar(kind: NumberType, raw: bytes) -> float | int:
    """A single NumPy number as Python's."""
    if not isinstance(kind, NumberType) or not isinstance(raw, bytes):
        raise RefusedError("it holds a NumPy value that is no plain number")
    value: float | int = np.frombuffer(raw, np.dtype(kind.code), count=1)[0].item()
    return value


def encode_latin1(text: str, encoding: str) -> bytes:
    """How pickles before protocol 3 spell bytes; ``RefusedError`` for any other encoding."""
    if encoding != "latin1":
        raise RefusedError(f"it holds text in the encoding {str(encoding)[:80]!r}")
    return text.encode("latin1")


def no_bytes() -> bytes:
    """How protocol 2 spells empty bytes."""
    return b""


def not_called(*_: object) -> None:
    """Behind a name that files pass on and never call."""
    raise RefusedError("it calls numpy.ndarray")


def _text(value: object) -> object:
    """A text as Python 2 wrote it (bytes) or as Python 3 did."""
    return value.decode("latin1") if isinstance(value, bytes) else value
