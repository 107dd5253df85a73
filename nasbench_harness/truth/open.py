"""One way to get a table from whatever the user names: nothing, a table file, or a source to import."""

from __future__ import annotations

import zipfile
from pathlib import Path

from nasbench_harness.truth.embedded import embedded_table
from nasbench_harness.truth.importers import import_table
from nasbench_harness.truth.table import TruthTable


def open_table(path: Path | str | None = None) -> TruthTable:
    """The embedded table (None), a stored table (``.npz``), or a complete CSV or JSON source read on the spot.

    Raises ``DataError`` as ``TruthTable.open`` and ``import_table`` do.
    """
    if path is None:
        return embedded_table()
    path = Path(path)
    if path.suffix == ".npz" or not path.is_file() or zipfile.is_zipfile(path):
        return TruthTable.open(path)
    return import_table(path)
