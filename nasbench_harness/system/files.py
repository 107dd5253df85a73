"""Files written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import socket
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from nasbench_harness.errors import RunError, UsageError
from nasbench_harness.system.owners import runs

_TEMPORARY = re.compile(r"\..+\.(?P<host>[0-9A-Za-z_-]*)\.(?P<pid>[0-9]{1,18})\.[0-9a-f]{12}\.part")


def write_atomically(path: Path | str, write: Callable[[BinaryIO], object]) -> None:
    """Call ``write`` with a binary file beside ``path``, then move that file into place.

    A reader sees the old content or the new, never a part; after an error the old content is untouched and no
    temporary file remains. Once it returns, the new content survives a crash of the machine. Raises ``RunError`` when
    the disk is full and ``UsageError`` when the place cannot be written.
    """
    path = Path(path)
    partial = temporary_beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(partial, "wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(partial, path)
        _sync_folder(path.parent)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise RunError(f"no disk space left to write {path}; free some space or choose another folder") from error
        raise UsageError(f"cannot write {path}: {error.strerror}; choose a folder that can be written") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def temporary_beside(path: Path) -> Path:
    """A hidden file name beside ``path`` that no other writer has: machines on one folder may share process ids."""
    return path.with_name(f".{path.name}.{_host()}.{os.getpid()}.{uuid.uuid4().hex[:12]}.part")


def _host() -> str:
    return re.sub(r"[^0-9A-Za-z-]", "_", socket.gethostname())[:40]


def sweep(folder: Path, now: float, stale_after: float) -> None:
    """Remove temporary files in ``folder`` whose writers are gone: killed on this host, or silent for that long.

    ``now``: the present as the folder's file system stamps it; ``stale_after`` in seconds.
    """
    for path in folder.glob(".*.part"):
        name = _TEMPORARY.fullmatch(path.name)
        if name is None:
            continue
        with contextlib.suppress(OSError):
            dead = name["host"] == _host() and not runs(int(name["pid"]))
            if dead or now - path.stat().st_mtime > stale_after:
                path.unlink()


def _sync_folder(folder: Path) -> None:
    """Make a rename in ``folder`` durable; a file system that cannot sync folders is left as it is."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    except OSError:  # such as a folder that may be written but not read
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        # the file itself is synced: a full disk still counts, "not supported" does not
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            raise
    finally:
        os.close(descriptor)


def write_text(path: Path | str, text: str) -> None:
    """Write ``text`` as UTF-8, whole or not at all."""
    write_atomically(path, lambda stream: stream.write(text.encode()))


def write_json(path: Path | str, value: Any) -> None:
    """Write ``value`` as indented JSON with a final newline; NaN is refused (it is not JSON)."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def write_long_json(path: Path | str, value: dict[str, Any], depth: int = 2) -> None:
    """The same for an object of many numbers: what lies ``depth`` deep is a line, so that it has half of the bytes."""
    write_text(path, _laid_out(value, depth, 0) + "\n")


def _laid_out(value: Any, depth: int, level: int) -> str:
    if level == depth or not isinstance(value, dict) or not value:
        return json.dumps(value, allow_nan=False, separators=(",", ":"))
    lines = (f"{json.dumps(name)}: {_laid_out(inner, depth, level + 1)}" for name, inner in value.items())
    indent = "\n" + " " * level
    return "{" + ",".join(f"{indent} {line}" for line in lines) + indent + "}"
