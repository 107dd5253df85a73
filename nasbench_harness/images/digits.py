"""The embedded image set: scikit-learn's 1,797 handwritten digits (UCI, test part), grey, 8 x 8, 10 classes."""

from __future__ import annotations

import gzip
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

N_DIGITS = 1797
SIDE = 8
_HIGHEST = 16  # grey levels are 0..16


def read_digits() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Images uint8 ``[1797, 1, 8, 8]`` with grey levels 0..16 spread over 0..255 (nearest), labels int64 ``[1797]``."""
    with gzip.open(_file(), "rt", encoding="ascii") as stream:
        rows = np.loadtxt(stream, delimiter=",", dtype=np.int64)
    levels = rows[:, :-1].reshape(-1, 1, SIDE, SIDE)
    return ((levels * 255 + _HIGHEST // 2) // _HIGHEST).astype(np.uint8), rows[:, -1].copy()


def _file() -> Path:
    """Of scikit-learn: 64 grey levels and a label a line. It is not imported, which would take over a second."""
    package = find_spec("sklearn")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
