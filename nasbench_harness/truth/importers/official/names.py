"""What a pickle of the official files may name, and the harmless functions of our own that stand behind the names."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nasbench_harness.system.safe_pickle import RefusedError, encode_latin1

_TYPE_CODE = re.compile(r"[fiu][248]")
_RESULTS = {"ArchResults", "ResultsCount"}
_PACKAGES = {"nats_bench", "nas_201_api"}


@dataclass(frozen=True)
class Admitted:
    """A name that a file may use: calling it calls our own function."""

    call: Callable[..., Any]


@dataclass
class NumberType:
    """Stand-in for ``numpy.dtype``: plain numbers only."""

    code: str

    def set_order(self, state: tuple[Any, ...]) -> None:
        """Take the byte order from the state of a pickled ``numpy.dtype``."""
        if state[1] not in ("<", ">", "|", "="):
            raise RefusedError(f"it holds NumPy values of the byte order {state[1]!r}")
        self.code = state[1].replace("=", "<") + self.code[1:]


def _number_type(code: object, *_flags: object) -> NumberType:
    if not isinstance(code, str) or not _TYPE_CODE.fullmatch(code):
        raise RefusedError(f"it holds NumPy values of the type {code!r}")
    return NumberType(f"<{code}")


def _scalar(kind: NumberType, raw: bytes) -> float | int:
    value: float | int = np.frombuffer(raw, np.dtype(kind.code), count=1)[0].item()
    return value


_ADMITTED = {
    ("collections", "OrderedDict"): Admitted(dict),
    ("numpy", "dtype"): Admitted(_number_type),
    ("numpy.core.multiarray", "scalar"): Admitted(_scalar),
    ("numpy._core.multiarray", "scalar"): Admitted(_scalar),
    ("builtins", "set"): Admitted(set),
    ("__builtin__", "set"): Admitted(set),
    ("_codecs", "encode"): Admitted(encode_latin1),
}


def admitted(module: str, name: str) -> Admitted:
    """What stands behind a name; ``RefusedError`` naming it when no official file needs it.

    Objects of the official result classes become dictionaries of their attributes.
    """
    found = _ADMITTED.get((module, name))
    if found is None and name in _RESULTS and module.split(".", maxsplit=1)[0] in _PACKAGES:
        return Admitted(dict)
    if found is None:
        raise RefusedError(f"it asks for {module}.{name}")
    return found
