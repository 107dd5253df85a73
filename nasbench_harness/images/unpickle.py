"""Reading the official python batches of CIFAR-10 (written by Python 2) without running what a pickle may ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nasbench_harness.errors import DataError
from nasbench_harness.system.pickles import ARRAYS, Kind, PickleReader
from nasbench_harness.system.reading import open_file, why

_MOST = 1 << 26  # bytes: a batch has 31 MB, one that Python 3 saved 46 MB

BATCH = Kind("CIFAR-10 batch", ARRAYS, encoding="bytes", longest=_MOST)


def read_batch(path: Path) -> dict[bytes, Any]:
    """The dictionary of a python batch (keys as bytes); ``DataError`` when it is damaged or asks for anything else."""
    try:
        with open_file(path, _MOST) as stream:
            content = PickleReader(stream, BATCH).load()
    except OSError as error:
        raise DataError(f"cannot read {path}: {why(error)}; check the path") from error
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise DataError(f"{path} is not an official CIFAR-10 python batch ({error}); unpack it again") from error
    if not isinstance(content, dict):
        raise DataError(f"{path} holds a {type(content).__name__}, not a CIFAR-10 batch; unpack the archive again")
    return content
