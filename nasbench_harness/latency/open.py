"""One way to get a latency table from whatever the user names: a table, a predictor, or a source to import."""

from __future__ import annotations

import zipfile
from pathlib import Path

from nasbench_harness.latency.table import LatencyTable


def open_latency(path: Path | str) -> LatencyTable:
    """A stored table (``.npz``), stored predictors (JSON), or a complete source read on the spot (wide CSV, ...).

    The columns of a predictor are its predictions for all architectures. Raises ``DataError`` naming file, fault and
    remedy.
    """
    path = Path(path)
    if path.suffix == ".npz" or not path.exists() or (path.is_file() and zipfile.is_zipfile(path)):
        return LatencyTable.load(path)
    from nasbench_harness.latency.importers.kinds import import_latency

    return import_latency(path)
