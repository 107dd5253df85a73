"""Files written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from nasbench_harness.errors import RunError, UsageError


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Call ``write`` with a binary file beside ``path``, then move that file into place.

    A reader sees the old content or the new, never a part; after an error the old content is untouched and no
    temporary file remains. Raises ``RunError`` when the disk is full and ``UsageError`` when the place cannot be
    written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(partial, "wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(partial, path)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise RunError(f"no disk space left to write {path}; free some space or choose another folder") from error
        raise UsageError(f"cannot write {path}: {error.strerror}; choose a folder that can be written") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, whole or not at all."""
    write_atomically(path, lambda stream: stream.write(text.encode()))


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON with a final newline; NaN is refused (it is not JSON)."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")
