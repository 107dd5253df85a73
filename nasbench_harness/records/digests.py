"""Digests of a stored unit: nothing in its record or its scores changes without being noticed where it is read.

A record carries two SHA-256, under ``digests``. ``scores`` is of the bytes of ``scores.parquet``: a file is checked
before anything opens it, in less time than it takes to read it, whatever the version of the Parquet reader makes of it.
``record`` is of the record's content as canonical JSON (keys sorted, no spaces), itself left out: another indentation,
or the line ends of another system, are not damage. Records of earlier versions carry none and stay valid.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nasbench_harness.errors import DataError

DIGESTS = "digests"
OF_ITSELF = "sha256"
"""Key of the digest in a file that carries only that of its own content."""
OF_SCORES, OF_RECORD = "scores", "record"


def sealed(value: Mapping[str, Any], scores: bytes) -> dict[str, Any]:
    """The record ``value`` (plain JSON values) with the digests of itself and of its score file's bytes."""
    open_value = {name: inner for name, inner in value.items() if name != DIGESTS}
    digests = {OF_SCORES: hashlib.sha256(scores).hexdigest()}
    digests[OF_RECORD] = content_digest({**open_value, DIGESTS: digests})
    return {**open_value, DIGESTS: digests}


def digests_of(value: Mapping[str, Any], source: str) -> dict[str, str]:
    """The digests that a stored record carries, empty for one of an earlier version.

    ``source`` names the file in errors. Raises ``DataError`` where they are not two texts, or the record's content is
    not what was written.
    """
    found = value.get(DIGESTS, {})
    if found == {}:
        return {}
    if not isinstance(found, dict) or set(found) != {OF_SCORES, OF_RECORD}:
        raise DataError(f"{source}: its digests are not those of {OF_SCORES} and {OF_RECORD}; {_REMEDY}")
    expected = content_digest({**value, DIGESTS: {OF_SCORES: found[OF_SCORES]}})
    if found[OF_RECORD] != expected:
        raise DataError(f"{source}: its content is not what was written (its digest is another); {_REMEDY}")
    return {name: str(digest) for name, digest in found.items()}


def check_scores(data: bytes, record: object, path: Path) -> None:
    """``DataError`` naming the score file where its bytes are not those that ``record`` beside it was written with.

    ``record``: the value of its file, of any version; whether it is sound itself is not asked.
    """
    found = record.get(DIGESTS) if isinstance(record, dict) else None
    if found and (not isinstance(found, dict) or found.get(OF_SCORES) != hashlib.sha256(data).hexdigest()):
        raise DataError(f"{path}: its bytes are not those that belong to the record beside it; {_REMEDY}")


_REMEDY = "it was changed or damaged: restore it from a copy, or delete the unit's folder and run the unit again"


def content_digest(value: Mapping[str, Any]) -> str:
    """SHA-256 of plain JSON values, whatever the order of keys and the layout of their file."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def with_digest(value: Mapping[str, Any]) -> dict[str, Any]:
    """Plain JSON values with the digest of themselves."""
    return {**value, OF_ITSELF: content_digest(value)}


def without_digest(value: Mapping[str, Any]) -> dict[str, Any]:
    """What ``with_digest`` was given; ``ValueError`` where that has changed since. Older files carry no digest."""
    content = {name: inner for name, inner in value.items() if name != OF_ITSELF}
    if value.get(OF_ITSELF) not in (None, content_digest(content)):
        raise ValueError("its content is not what was written (its digest is another)")
    return content
