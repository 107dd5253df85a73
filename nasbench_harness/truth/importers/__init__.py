"""Importers turn a source into a truth table; the registry tries each kind in turn."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from nasbench_harness.errors import DataError
from nasbench_harness.truth.importers.base import (
    Importer,
    ImportOptions,
    LargeImporter,
    SourceRows,
    check_complete,
    check_unique,
    table_from_rows,
)
from nasbench_harness.truth.importers.csv_file import CsvImporter
from nasbench_harness.truth.importers.json_file import JsonImporter
from nasbench_harness.truth.importers.official.cache import PartCache
from nasbench_harness.truth.importers.official.directory import NatsDirectoryImporter
from nasbench_harness.truth.importers.official.single import NAS_BENCH_201_FILE, NATS_FILE
from nasbench_harness.truth.importers.parquet_file import ParquetImporter
from nasbench_harness.truth.table import TruthTable

__all__ = [
    "IMPORTERS",
    "ImportOptions",
    "Importer",
    "SourceRows",
    "check_complete",
    "check_unique",
    "import_table",
    "import_to",
    "importer_for",
    "name_of",
]

IMPORTERS: list[Importer] = [
    CsvImporter(),
    JsonImporter(),
    ParquetImporter(),
    NatsDirectoryImporter(),
    NATS_FILE,
    NAS_BENCH_201_FILE,
]

Progress = Callable[[int, int], None]

_ENDINGS = (".csv", ".json", ".parquet", ".pickle.pbz2", ".pth")


def importer_for(source: Path) -> Importer:
    """The first importer that recognises the source; ``DataError`` when it is absent or of no known kind."""
    if not source.exists():
        raise DataError(f"no file or folder at {source}; check the path")
    for importer in IMPORTERS:
        if importer.recognises(source):
            return importer
    if source.suffix == ".tar":
        raise DataError(f"{source.name} is packed; unpack it with `tar -xf {source.name}` and name the folder")
    known = ", ".join(importer.name for importer in IMPORTERS)
    raise DataError(f"{source.name} is of no kind that can be imported ({known}); name it by its kind, e.g. table.csv")


def import_table(
    source: Path | str,
    name: str | None = None,
    partial: bool = False,
    trust: bool = False,
    progress: Progress | None = None,
    cache: Path | None = None,
) -> TruthTable:
    """Read a source into a table, every value checked.

    Sources: CSV, JSON, Parquet; NATS-Bench's topology archive (the ``-simple`` directory, or the single
    ``.pickle.pbz2``); NAS-Bench-201's ``.pth``. The official files are pickles, which can run code when they are read.
    They are read by a reader that runs none, one architecture at a time; a file that asks for anything else is refused
    by name. ``trust`` loads such a file all the same by the official means, which run its code and need memory for all
    of it: only for files whose maker is trusted.

    ``name`` defaults to the source's name without its ending. ``partial`` declares that architectures or values may be
    missing; without it each of the 15,625 must have a finite value in every column (single seeds and costs of an
    official archive aside, which the table then declares). ``progress`` receives (done, total) architectures.
    ``cache``: folder for finished parts of a directory, kept for the next attempt. Raises ``DataError`` naming entry,
    fault and remedy.
    """
    source = Path(source)
    importer = importer_for(source)
    if isinstance(importer, LargeImporter):
        rows = importer.read_large(source, ImportOptions(partial, trust, progress, cache))
    else:
        rows = importer.read(source)
    meta: dict[str, object] = {"source": source.name, "importer": importer.name}
    if source.is_file():
        with open(source, "rb") as stream:
            meta["source_sha256"] = hashlib.file_digest(stream, "sha256").hexdigest()
    return table_from_rows(rows, source, name or name_of(source), partial, meta)


def import_to(
    source: Path | str,
    target: Path | str,
    name: str | None = None,
    partial: bool = False,
    trust: bool = False,
    progress: Progress | None = None,
) -> TruthTable:
    """``import_table`` and ``save`` in one, resumable: finished parts are kept beside the target until it is written.

    Nothing is written at ``target`` unless the whole source was read and found good.
    """
    target = Path(target)
    folder = target.with_name(f".{target.name}.parts")
    table = import_table(source, name, partial, trust, progress, folder)
    table.save(target)
    PartCache(folder).remove()
    return table


def name_of(source: Path) -> str:
    """A source's name without its ending (a directory's name may hold dots of its own)."""
    for ending in _ENDINGS:
        if source.name.lower().endswith(ending):
            return source.name[: -len(ending)]
    return source.name
