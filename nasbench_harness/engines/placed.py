"""Files that go to each machine once: packed where they are, laid where they are needed, named by their bytes."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from nasbench_harness.errors import RunError, UsageError
from nasbench_harness.system.claims import Claims
from nasbench_harness.system.files import temporary_beside

Files = Mapping[str, bytes]
"""Bytes of files by their paths inside a folder."""


def packed(folder: Path, parts: tuple[str, ...]) -> dict[str, bytes]:
    """All files in those ``parts`` (folders) of a folder that are there; none where none is.

    Raises ``UsageError`` for what cannot be read.
    """
    files: dict[str, bytes] = {}
    try:
        for part in parts:
            for path in sorted((folder / part).glob("*")):
                if path.is_file():
                    files[f"{part}/{path.name}"] = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}; check the path and its permissions") from error
    return files


def digest_of(files: Files) -> str:
    """SHA-256 of names and bytes."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\n{len(files[name])}\n".encode())
        digest.update(files[name])
    return digest.hexdigest()


def placed(root: Path, digest: str, fetch: Callable[[], Files]) -> Path:
    """The folder with the files of that digest under ``root``; ``fetch`` gives them where it is not there yet.

    Of several processes one writes, the others wait. The folder appears whole or not at all.
    Raises ``UsageError`` where ``root`` cannot be written, ``RunError`` where it has no room or other bytes came.
    """
    folder = root / digest[:32]
    if folder.is_dir():
        return folder
    with Claims() as claims, claims.locked(root / f".{digest[:32]}.claim"):
        if folder.is_dir():
            return folder
        files = fetch()
        if digest_of(files) != digest:
            raise RunError(f"other bytes came than were sent for {folder}; run the same command again")
        for left in root.glob(f".{folder.name}.*.part"):  # by one that was killed here
            shutil.rmtree(left, ignore_errors=True)
        partial = temporary_beside(folder)
        try:
            for name, content in files.items():
                path = partial / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            os.replace(partial, folder)
        except OSError as error:
            raise RunError(
                f"cannot lay files in {root}: {error.strerror}; name another NASBENCH_HARNESS_DATA"
            ) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return folder
