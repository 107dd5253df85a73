"""Bring data of the registry into the cache: over the network, or from a file that is already on disk."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from nasbench_harness.data.accuracy import read_published
from nasbench_harness.data.cache import Item, cache_folder, find, partial_file, state_of
from nasbench_harness.data.download import Downloader, FetchError
from nasbench_harness.data.registry import Entry, entries, expand
from nasbench_harness.data.unpack import adopt, unpack
from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.images import cifar10
from nasbench_harness.system.files import temporary_beside
from nasbench_harness.system.progress import Progress, Silent

TIMEOUT = 30.0


def fetch(
    names: Sequence[str],
    progress: Progress | None = None,
    *,
    folder: Path | None = None,
    timeout: float = TIMEOUT,
    pause: float = 1.0,
    layout: cifar10.Layout = cifar10.OFFICIAL,
) -> list[Item]:
    """Make entries (or groups of them) ready in the cache ``folder``; what is ready already is left alone.

    ``timeout``: seconds without a byte before a try is given up. Raises ``UsageError`` for an unknown name and
    ``DataError`` when a file cannot be had or is not the published one: the text says which file to bring from where.
    """
    if timeout <= 0:
        raise UsageError(f"a timeout of {timeout:g} seconds; give more than 0")
    wanted, folder = expand(names), folder or cache_folder()
    for one in wanted:
        if one.makes is None or state_of(one, folder) != "ready":  # a plain file is checked by pooch even if it is here
            _make(one, _download(one, folder, progress or Silent(), timeout, pause), folder, layout)
    return [Item(one, "ready", find(one, folder)) for one in wanted]


def add(path: Path, *, folder: Path | None = None, layout: cifar10.Layout = cifar10.OFFICIAL) -> Item:
    """Copy a file or an unpacked CIFAR-10 folder that is already on disk into the cache, checked like a download.

    A file is recognised by its name or, under another name, by its checksum. Raises ``DataError`` when there is no such
    file, when it is nothing of the registry, or when its checksum is not the published one.
    """
    folder = folder or cache_folder()
    if path.is_dir():
        return _add_folder(path, folder, layout)
    if not path.is_file():
        raise DataError(f"no file or folder at {path}; check the path")
    one = _recognised(path)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / one.file
    if not (target.exists() and target.samefile(path)):
        _copy(path, target)
    _make(one, target, folder, layout)
    return Item(one, "ready", find(one, folder))


def _download(one: Entry, folder: Path, progress: Progress, timeout: float, pause: float) -> Path:
    """The file of an entry, whole and checked, by pooch; a file that lies there is taken if its checksum is right."""
    import pooch

    pooch.get_logger().setLevel("WARNING")
    partial = partial_file(folder, one)
    for last in (False, True):
        downloader = Downloader(f"fetch {one.name}", partial, one.bytes, progress, timeout, pause=pause)
        try:
            return Path(pooch.retrieve(one.url, one.checksum, one.file, folder, downloader=downloader))
        except FetchError as error:
            raise DataError(_by_hand(one, folder, str(error))) from error
        except ValueError as error:
            # what was there before may have been another file's beginning: once more from the start
            if last or not downloader.resumed:
                raise DataError(_by_hand(one, folder, _WRONG)) from error
        except OSError as error:
            raise UsageError(
                f"cannot write in {folder}: {error.strerror or error}; name another folder in NASBENCH_HARNESS_DATA"
            ) from error
    raise AssertionError("the second try ends in a file or an error")


_WRONG = "the file there does not have the published checksum"


def _by_hand(one: Entry, folder: Path, reason: str) -> str:
    place = folder / one.file
    return (
        f"cannot fetch {one.name} from {one.url}: {reason}. Without internet here: get that file "
        f"({one.checksum}) on another machine, then `nasbench-harness data add FILE` or place it as {place}"
    )


def _make(one: Entry, path: Path, folder: Path, layout: cifar10.Layout) -> None:
    """What is used in the end, from the checked file."""
    if one.makes is None:
        return
    if one.makes.endswith(".npz"):
        read_published(path, one.url).save(folder / one.makes)
    else:
        unpack(path, one.makes, folder, layout)


def _recognised(path: Path) -> Entry:
    """The entry that a file is, its checksum verified."""
    import pooch

    sums = {kind: f"{kind}:{pooch.file_hash(str(path), alg=kind)}" for kind in ("sha256", "md5")}
    for one in entries().values():
        if one.checksum in sums.values():
            return one
    for one in entries().values():
        if path.name in (one.file, Path(urlsplit(one.url).path).name):
            kind = one.checksum.partition(":")[0]
            raise DataError(
                f"{path} has the name of {one.name} but not its checksum (expected {one.checksum}, found "
                f"{sums[kind]}); get it again from {one.url}"
            )
    raise DataError(
        f"{path.name} is nothing that the registry knows (`nasbench-harness data ls`), by name or checksum; a truth "
        "table of your own is read by `nasbench-harness truth import`"
    )


def _add_folder(path: Path, folder: Path, layout: cifar10.Layout) -> Item:
    for one in entries().values():
        if one.makes in (cifar10.BINARY, cifar10.PYTHON):
            source = path if path.name == one.makes else path / one.makes
            if not source.is_dir():
                continue
            folder.mkdir(parents=True, exist_ok=True)
            target = folder / one.makes
            if not (target.exists() and target.samefile(source)):
                with tempfile.TemporaryDirectory(prefix=".copy-", dir=folder) as place:
                    copy = shutil.copytree(source, Path(place) / one.makes)
                    adopt(copy, target, layout)
            return Item(one, "ready", target)
    raise DataError(
        f"no {cifar10.BINARY} or {cifar10.PYTHON} in the folder {path}; name a file of the registry instead"
    )


def _copy(source: Path, target: Path) -> None:
    partial = temporary_beside(target)
    try:
        shutil.copyfile(source, partial)
        os.replace(partial, target)
    except OSError as error:
        raise UsageError(
            f"cannot copy {source} to {target.parent}: {error.strerror or error}; free space or fix it"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
