"""Importers turn a source into a truth table; the registry tries each kind in turn."""

from __future__ import annotations

import hashlib
from pathlib import Path

from nasbench_harness.errors import DataError
from nasbench_harness.truth.importers.base import Importer, SourceRows, check_complete, check_unique, table_from_rows
from nasbench_harness.truth.importers.csv_file import CsvImporter
from nasbench_harness.truth.importers.json_file import JsonImporter
from nasbench_harness.truth.table import TruthTable

__all__ = ["IMPORTERS", "Importer", "SourceRows", "check_complete", "check_unique", "import_table", "importer_for"]

IMPORTERS: list[Importer] = [CsvImporter(), JsonImporter()]


def importer_for(source: Path) -> Importer:
    """The first importer that recognises the source; ``DataError`` when it is absent or of no known kind."""
    if not source.exists():
        raise DataError(f"no file or folder at {source}; check the path")
    for importer in IMPORTERS:
        if importer.recognises(source):
            return importer
    known = ", ".join(importer.name for importer in IMPORTERS)
    raise DataError(f"{source.name} is of no kind that can be imported ({known}); name it by its kind, e.g. table.csv")


def import_table(source: Path | str, name: str | None = None, partial: bool = False) -> TruthTable:
    """Read a source into a table, every value checked.

    ``name`` defaults to the file's stem. ``partial`` declares that architectures or values may be missing; without it
    each of the 15,625 must have a finite value in every column. Raises ``DataError`` naming row, fault and remedy.
    """
    source = Path(source)
    importer = importer_for(source)
    rows = importer.read(source)
    meta: dict[str, object] = {"source": source.name, "importer": importer.name}
    if source.is_file():
        with open(source, "rb") as stream:
            meta["source_sha256"] = hashlib.file_digest(stream, "sha256").hexdigest()
    return table_from_rows(rows, source, name or source.stem, partial, meta)
