"""Archives of image sets to the official folder: one flat folder of plain files, checked before it gets its name."""

from __future__ import annotations

import errno
import os
import shutil
import tarfile
import tempfile
import zlib
from pathlib import Path

from nasbench_harness.errors import DataError, RunError
from nasbench_harness.images import cifar10

MOST_FILES = 100
LARGEST = 1 << 30  # bytes unpacked; the image sets have a fifth of it


def unpack(archive: Path, folder: str, root: Path, layout: cifar10.Layout = cifar10.OFFICIAL) -> Path:
    """Unpack ``archive``, which must hold files in ``folder`` and nothing else, to ``root / folder``.

    The images are checked against their SHA-256 (``layout``) first. Raises ``DataError`` for an archive that is damaged
    or holds anything else, and then leaves nothing.
    """
    with tempfile.TemporaryDirectory(prefix=".unpack-", dir=root) as place:
        try:
            with tarfile.open(archive, "r:*") as stored:
                members: list[tarfile.TarInfo] = []
                for member in stored:  # one by one: what is too large is not unpacked to its end to find that out
                    members.append(_checked(member, archive, folder))
                    if sum(one.size for one in members) > LARGEST or len(members) > MOST_FILES:
                        raise DataError(
                            f"{archive.name} unpacks to more than {LARGEST:,} bytes or {MOST_FILES} files; it is not "
                            "this image set"
                        )
                # a Python before 3.11.4 has no filters; the check above lets only plain files of one folder pass
                if hasattr(tarfile, "data_filter"):
                    stored.extraction_filter = tarfile.data_filter
                stored.extractall(place, members)
        except (tarfile.TarError, EOFError, zlib.error) as error:
            raise DataError(f"{archive.name} is not a whole archive ({error}); fetch it again") from error
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise RunError(f"no disk space left to unpack {archive.name} into {root}; free some") from error
            raise DataError(f"cannot unpack {archive.name} ({error}); fetch it again") from error
        try:
            return adopt(Path(place) / folder, root / folder, layout)
        except DataError as error:  # names files of a folder that is gone by the time it is read
            raise DataError(str(error).replace(f"{place}{os.sep}", f"{archive.name}: ")) from error


def adopt(folder: Path, target: Path, layout: cifar10.Layout = cifar10.OFFICIAL) -> Path:
    """Move a folder of CIFAR-10's official files to its final name once every file is found to be the official one."""
    cifar10.read_cifar10(folder, 1, layout)  # shrunk to nothing: only the check is wanted
    if target.exists():
        shutil.rmtree(target)
    os.replace(folder, target)
    return target


def _checked(member: tarfile.TarInfo, archive: Path, folder: str) -> tarfile.TarInfo:
    parts = Path(member.name).parts
    if member.isdir() and parts == (folder,):
        return member
    if member.isreg() and len(parts) == 2 and parts[0] == folder and parts[1] != "..":
        return member
    raise DataError(
        f"{archive.name} holds {member.name!r}, expected plain files in {folder}/ alone; fetch the official archive"
    )
