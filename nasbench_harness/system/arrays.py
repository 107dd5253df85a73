"""Arrays stored for later parts of the same work: a file that is not there or not whole counts as nothing stored."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.system.files import write_atomically


def store_arrays(path: Path, arrays: dict[str, npt.NDArray[Any]]) -> None:
    """Write a compressed ``.npz`` file, whole or not at all; raises as ``write_atomically``."""
    write_atomically(path, lambda stream: np.savez_compressed(stream, **arrays))  # type: ignore[arg-type]


def stored_arrays(path: Path, names: Sequence[str]) -> tuple[npt.NDArray[Any], ...] | None:
    """The named arrays of ``path``, or None where the file is missing, damaged or lacks one."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return tuple(stored[name] for name in names)
    except Exception:  # what stands in a damaged archive can make its readers raise nearly anything
        return None
