"""The directory of NATS-Bench (``NATS-tss-v1_0-3ffb9-simple``): one bz2-packed pickle for each architecture.

The directory is read in parts; finished ones can be kept, so that an interrupted import resumes where it stopped.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from nasbench_harness.errors import DataError
from nasbench_harness.space import N_ARCHITECTURES
from nasbench_harness.truth.importers.base import ImportOptions, SourceRows
from nasbench_harness.truth.importers.official.cache import Part, PartCache
from nasbench_harness.truth.importers.official.load import UntrustedError, check_name, load_pickle, load_trusted
from nasbench_harness.truth.importers.official.rows import Gathered, check_index
from nasbench_harness.truth.importers.official.values import Architecture, as_mapping, read_architecture

META = "meta.pickle.pbz2"
PART = 250  # files of a part: some ten seconds to lose when an import is interrupted

_ENTRY = re.compile(r"[0-9]{6}\.pickle\.pbz2")


class NatsDirectoryImporter:
    """A directory with ``meta.pickle.pbz2`` and ``000000.pickle.pbz2`` to ``015624.pickle.pbz2``."""

    name = "NATS-Bench directory (-simple)"

    def recognises(self, path: Path) -> bool:
        return path.is_dir() and ((path / META).exists() or path.name.startswith("NATS-"))

    def read(self, path: Path) -> SourceRows:
        return self.read_large(path, ImportOptions())

    def read_large(self, path: Path, options: ImportOptions) -> SourceRows:
        version = check_name(path)
        files = _entries(path, options.partial)
        _check_meta(path, options.trust)
        cache, gathered = PartCache(options.cache), Gathered(path)
        for start in range(0, len(files), PART):
            part_files = files[start : start + PART]
            stored = cache.load(part_files)
            if stored is None:
                for file in part_files:
                    gathered.add(_read_entry(file, options.trust), file.name)
                    if options.progress is not None:
                        options.progress(len(gathered.place_of), len(files))
                cache.store(part_files, _values(gathered, part_files))
                continue
            for file, (number, values) in zip(part_files, stored.items(), strict=True):
                gathered.put(number, values, file.name)
            if options.progress is not None:
                options.progress(len(gathered.place_of), len(files))
        return gathered.rows({"benchmark": "NATS-Bench topology", "version": version})


def _entries(path: Path, partial: bool) -> list[Path]:
    """The entries in order; refused before the long work when some are missing and that was not declared."""
    files = sorted(file for file in path.iterdir() if _ENTRY.fullmatch(file.name))
    if not files:
        inner = [child.name for child in path.iterdir() if (child / META).exists()]
        remedy = f"name the folder {inner[0]} in it" if inner else "unpack the -simple archive and name its folder"
        raise DataError(f"{path.name} holds no entries such as 000000.pickle.pbz2; {remedy}")
    if len(files) != N_ARCHITECTURES and not partial:
        names = {file.name for file in files}
        missing = next(n for n in range(N_ARCHITECTURES) if f"{n:06d}.pickle.pbz2" not in names)
        raise DataError(
            f"{path.name}: {len(files)} of {N_ARCHITECTURES} entries, the first missing is {missing:06d}.pickle.pbz2; "
            "unpack the whole archive, or import with --partial if the table is meant to be incomplete"
        )
    return files


def _check_meta(path: Path, trust: bool) -> None:
    if not (path / META).exists():
        raise DataError(f"{path.name} lacks {META}, which lists its architectures; unpack the whole archive")
    check_index(_load(path / META, trust, []), path / META)


def _read_entry(file: Path, trust: bool) -> Architecture:
    where = f"{file.parent.name}, {file.name}"
    found: list[Architecture] = []
    content = _load(file, trust, found)
    if not found and isinstance(content, dict):  # loaded in full, or not an entry: then it is refused here
        found.append(read_architecture(as_mapping(content), where))
    if len(found) != 1:
        raise DataError(f"{where}: {len(found)} entries of results, expected one; download the archive again")
    if file.name != f"{found[0].number:06d}.pickle.pbz2":
        raise DataError(
            f"{where}: it holds architecture {found[0].number}, another than its name says; download the archive again"
        )
    return found[0]


def _load(file: Path, trust: bool, found: list[Architecture]) -> Any:
    """The content of one file; architectures are appended to ``found``."""

    def visit(entry: dict[Any, Any]) -> dict[Any, Any]:
        found.append(read_architecture(as_mapping(entry), f"{file.parent.name}, {file.name}"))
        return {}

    try:
        return load_pickle(file, visit)
    except UntrustedError:
        if not trust:
            raise
        found.clear()
        return load_trusted(file)


def _values(gathered: Gathered, files: list[Path]) -> Part:
    return {number: gathered.values_of(number) for number in (int(file.name[:6]) for file in files)}
