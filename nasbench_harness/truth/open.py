"""One way to get a table from whatever the user names: nothing, a table file, or a source to import."""

from __future__ import annotations

import zipfile
from pathlib import Path

from nasbench_harness.errors import DataError
from nasbench_harness.truth.embedded import embedded_table
from nasbench_harness.truth.importers import import_table, importer_for
from nasbench_harness.truth.importers.base import LargeImporter
from nasbench_harness.truth.table import TruthTable


def open_table(path: Path | str | None = None) -> TruthTable:
    """The embedded table (None), a stored table (``.npz``), or a complete CSV or JSON source read on the spot.

    Raises ``DataError`` as ``TruthTable.open`` and ``import_table`` do.
    """
    if path is None:
        return embedded_table()
    path = Path(path)
    renamed = path.is_file() and path.suffix != ".pth" and zipfile.is_zipfile(path)  # a .pth may be a zip file too
    if path.suffix == ".npz" or renamed or not path.exists():
        return TruthTable.open(path)
    if isinstance(importer_for(path), LargeImporter):
        raise DataError(
            f"{path.name} is an official file that takes minutes to read; turn it into a table once by "
            f"'nasbench-harness truth import {path} --to TABLE.npz', then name that table"
        )
    return import_table(path)
