"""Opening the files of an official archive: safely, architecture by architecture, or in full when told to."""

from __future__ import annotations

import bz2
import pickle
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from nasbench_harness.errors import DataError
from nasbench_harness.system.pickles import DAMAGED, PickleReader, RefusedError
from nasbench_harness.truth.importers.official.kind import OFFICIAL, architectures

Visit = Callable[[dict[Any, Any]], dict[Any, Any]]

_TORCH_MAGIC = 0x1950A86A20F9469CFC6C  # first pickle of a file by torch.save before version 1.6
_TORCH_PROTOCOL = 1001
_VERSIONS = {"NATS-tss": ("1_0",), "NAS-Bench-201": ("1_0", "1_1")}
_NAMED = re.compile(r"(?P<kind>NATS-[a-z]+|NAS-Bench-201)-v(?P<version>[0-9]+_[0-9]+)")
_AGAIN = "download it again"


def check_name(path: Path) -> str:
    """The version in an official file's name ('' if it does not say); ``DataError`` for one that is not known."""
    match = _NAMED.match(path.name)
    if match is None:
        return ""
    known = _VERSIONS.get(match["kind"])
    if known is None:
        raise DataError(
            f"{path.name} is an archive of another search space ({match['kind']}); import NATS-tss, the topology space"
        )
    if match["version"] not in known:
        raise DataError(
            f"{path.name} is of version {match['version']}, which is not known here (known: {', '.join(known)}); "
            "import one of these, or update nasbench-harness"
        )
    return match["version"]


def load_pickle(path: Path, visit: Visit) -> Any:
    """The content of a ``.pickle.pbz2``, architectures handed to ``visit``; ``DataError`` if damaged or refused."""
    with _explained(path), bz2.open(path) as stream:
        return PickleReader(cast(BinaryIO, stream), OFFICIAL, architectures(visit)).load()


def load_torch(path: Path, visit: Visit) -> Any:
    """The content of a ``.pth`` of either layout of ``torch.save``; torch itself is not needed."""
    with _explained(path):
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                parts = [name for name in archive.namelist() if name.split("/")[-1] == "data.pkl"]
                if len(parts) != 1:
                    raise ValueError("no part data.pkl in the archive")
                with archive.open(parts[0]) as stream:
                    return PickleReader(cast(BinaryIO, stream), OFFICIAL, architectures(visit)).load()
        with open(path, "rb") as stream:
            reader = PickleReader(stream, OFFICIAL, architectures(visit))
            if (reader.load(), reader.load()) != (_TORCH_MAGIC, _TORCH_PROTOCOL):
                raise ValueError("not written by torch.save")
            reader.load()  # facts on the machine it was written on
            content = reader.load()
            if reader.load():  # names of the tensors that would follow
                raise RefusedError("it holds trained weights")
            return content


def load_trusted(path: Path) -> Any:
    """The whole content by the official means, which run whatever code the file names.

    A pickle can call any function of this machine, with the rights of whoever reads it: only for files whose maker
    is trusted. The official packages load this way, into memory that grows with the file (some 30 GB for a whole
    archive). Raises ``DataError`` when the file is damaged.
    """
    with _explained(path):
        if path.suffix == ".pth":
            import torch

            return torch.load(path, map_location="cpu", weights_only=False)
        with bz2.open(path) as stream:
            return pickle.load(stream)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what a foreign, damaged or hostile file raises into one line that names the file and the remedy."""
    try:
        yield
    except RefusedError as error:
        raise UntrustedError(
            f"{path.name} is refused: {error}, which official files do not need, and reading a pickle can run code; "
            f"{_AGAIN} from its official place, or import with --trust if you trust whoever made it"
        ) from error
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise DataError(f"cannot read {path}: {error.strerror}; check the path") from error
    except (*DAMAGED, OSError, zipfile.BadZipFile, zlib.error, pickle.UnpicklingError, RuntimeError) as error:
        raise DataError(f"{path.name} is truncated or not of an official archive ({error}); {_AGAIN}") from error


class UntrustedError(DataError):
    """A file that the safe reader refuses: it holds more than plain results."""
