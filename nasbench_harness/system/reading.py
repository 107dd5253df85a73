"""Files of others read within bounds: a plain file, so long and no longer; JSON and TOML so deep, with numbers so long.

What is refused is an ``OSError`` or a ``ValueError`` whose text says what was found, so whoever reads a file explains
both as it explains a missing or a damaged one.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

MOST_BYTES = 1 << 28
"""Of a file that is read into memory: 256 MB, a hundred times the largest that is needed."""

_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def open_file(path: Path | str, most: int | None = None) -> BinaryIO:
    """A plain file opened for reading; ``OSError`` for a pipe, device or folder, and for one of above ``most`` bytes.

    Nothing is waited for: a pipe without a writer would otherwise hold the program for ever.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except ValueError as error:
        raise OSError(errno.EINVAL, f"no file can have this name ({error})", repr(str(path))) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            kind = next((words for is_one, words in _KINDS if is_one(status.st_mode)), "something else")
            raise OSError(errno.EINVAL, f"it is {kind}, expected a file", str(path))
        if most is not None and status.st_size > most:
            raise OSError(errno.EFBIG, f"it has {status.st_size:,} bytes, more than the {most:,} expected", str(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_file(path: Path | str, most: int = MOST_BYTES) -> bytes:
    """The content of a plain file of at most ``most`` bytes; ``OSError`` for anything else."""
    with open_file(path, most) as stream:
        return stream.read(most)


def read_text(path: Path | str, most: int = MOST_BYTES) -> str:
    """The same as text; ``ValueError`` where it is not UTF-8."""
    return read_file(path, most).decode("utf-8")


def parse_json(data: bytes | str, pairs: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    """The value of a JSON text; ``ValueError`` where it is none, too deep, or has a number too long to be one.

    ``pairs``: takes the members of each object in place of a dictionary.
    """
    try:
        return json.loads(data, object_pairs_hook=pairs)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def parse_toml(text: str) -> dict[str, Any]:
    """The values of a TOML text; ``ValueError`` (of which ``tomllib.TOMLDecodeError`` is one) as ``parse_json``."""
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def read_json(path: Path | str, most: int = MOST_BYTES) -> Any:
    """The value of a JSON file; ``OSError`` as ``read_file``, ``ValueError`` as ``parse_json``."""
    return parse_json(read_file(path, most))


def why(error: BaseException) -> str:
    """What an error of these functions says, as a part of a line: without errno and file name."""
    if isinstance(error, OSError):
        return error.strerror or str(error) or type(error).__name__
    return " ".join(str(error).split())[:200] or type(error).__name__
