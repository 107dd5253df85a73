"""Tensors in a safetensors file that carries a digest of itself: a change of any bit is noticed where it is read.

The format holds a header (JSON: names, types, shapes, places, and texts of ours) and the numbers, and nothing that
tells whether these are the ones that were written. The digest is a SHA-256 of the header as canonical JSON and of the
numbers, and stands among the texts of the header. Files of earlier versions have none and stay valid. No torch here.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from struct import Struct
from typing import Any, BinaryIO

from nasbench_harness.system.reading import open_file, parse_json

_TEXTS, _DIGEST = "__metadata__", "sha256"
_LENGTH = Struct("<Q")
_LONGEST_HEADER = 1 << 26  # bytes; a network has some thousand tensors of a hundred bytes each


class DamagedError(ValueError):
    """The bytes are not those that were written; ``str`` says in what."""


def write_sealed(stream: BinaryIO, data: bytes) -> None:
    """Write the bytes of a safetensors file with its digest among the texts of its header."""
    header, numbers = _parts(data)
    texts = {**header.get(_TEXTS, {}), _DIGEST: _digest(header, numbers)}
    text = json.dumps({**header, _TEXTS: texts}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # as the format's own writer aligns the numbers
    stream.write(_LENGTH.pack(len(text)))
    stream.write(text)
    stream.write(numbers)


def read_sealed(path: Path | str) -> tuple[bytes, dict[str, str]]:
    """The bytes of a safetensors file and the texts of its header, checked where the file carries a digest.

    Raises ``OSError`` for a file that cannot be read and ``DamagedError`` for one that is not what was written.
    """
    with open_file(path) as stream:
        data = stream.read()
    return data, check_sealed(data)


def check_sealed(data: bytes) -> dict[str, str]:
    """The texts of the header in these bytes; ``DamagedError`` where they are no such file or not what was written."""
    header, numbers = _parts(data)
    texts = header.get(_TEXTS, {})
    if _DIGEST in texts and texts[_DIGEST] != _digest(header, numbers):
        raise DamagedError("its numbers are not those that were written")
    return {str(name): str(text) for name, text in texts.items()}


def is_sealed(texts: dict[str, str]) -> bool:
    """Whether a file with these texts carries a digest."""
    return _DIGEST in texts


def _parts(data: bytes) -> tuple[dict[str, Any], memoryview]:
    if len(data) < _LENGTH.size:
        raise DamagedError("it ends before its header")
    (length,) = _LENGTH.unpack_from(data)
    if length > min(_LONGEST_HEADER, len(data) - _LENGTH.size):
        raise DamagedError("its header has no sound length")
    try:
        header = parse_json(data[_LENGTH.size : _LENGTH.size + length])
    except ValueError as error:
        raise DamagedError(f"its header is not JSON ({error})") from error
    if not isinstance(header, dict) or not isinstance(header.get(_TEXTS, {}), dict):
        raise DamagedError("its header is not an object with texts")
    return header, memoryview(data)[_LENGTH.size + length :]


def _digest(header: dict[str, Any], numbers: memoryview) -> str:
    texts = {name: text for name, text in header.get(_TEXTS, {}).items() if name != _DIGEST}
    text = json.dumps({**header, _TEXTS: texts}, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode())
    digest.update(numbers)
    return digest.hexdigest()
