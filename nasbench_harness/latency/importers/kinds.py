"""Sources of latencies: each importer reads one kind of file; the checks that all share stand here."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from nasbench_harness.errors import DataError
from nasbench_harness.latency.cleaning import exclude_impossible
from nasbench_harness.latency.importers.csv_file import WideCsvImporter
from nasbench_harness.latency.importers.operations import OperationsImporter
from nasbench_harness.latency.importers.pickle_file import HwNasBenchImporter
from nasbench_harness.latency.importers.rows import LatencyRows
from nasbench_harness.latency.predict.file import PredictorImporter
from nasbench_harness.latency.table import LatencyTable
from nasbench_harness.space import N_ARCHITECTURES, format_architecture
from nasbench_harness.truth.importers.base import SourceRows, check_complete, check_unique


class LatencyImporter(Protocol):
    """Reads one kind of source; ``name`` goes into the table's metadata."""

    name: str

    def recognises(self, path: Path) -> bool:
        """Whether ``path`` is of this kind; cheap, never by executing it."""

    def read(self, path: Path) -> LatencyRows:
        """The rows of ``path``; ``DataError`` naming place and remedy when it is not what it claims to be."""


IMPORTERS: tuple[LatencyImporter, ...] = (
    WideCsvImporter(),
    HwNasBenchImporter(),
    PredictorImporter(),
    OperationsImporter(),
)


def import_latency(
    source: Path | str, name: str | None = None, partial: bool = False, known: Mapping[str, Any] | None = None
) -> LatencyTable:
    """Read a source into a table, every value checked, impossible ones excluded by the rule of ``clean``.

    Sources: a wide CSV, HW-NAS-Bench's pickle, operation tables and stored predictors (JSON). ``partial``: rows may be
    missing. ``known``: fields of ``DeviceInfo`` that the source does not tell and its user does, for all columns.
    Raises ``DataError`` for a wrong number of architectures, one named twice, and a latency that is no positive number.
    """
    source = Path(source)
    if not source.exists():
        raise DataError(f"no file at {source}; check the path")
    importer = next((one for one in IMPORTERS if one.recognises(source)), None)
    if importer is None:
        raise DataError(
            f"{source.name} is of no kind that holds latencies (.npz, wide .csv, HW-NAS-Bench .pickle, operation "
            "table or predictor .json); name it by its kind"
        )
    rows = importer.read(source)
    _check(rows, source, partial)
    columns = {}
    for column, values in rows.columns.items():
        columns[column] = np.full(N_ARCHITECTURES, np.nan)
        columns[column][rows.index_A] = values
    columns, excluded = exclude_impossible(columns)
    devices = {column: replace(info, **(known or {})) for column, info in rows.devices.items()}
    with open(source, "rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    origin = {"source": source.name, "importer": importer.name, "source_sha256": digest}
    return LatencyTable(name or source.stem, columns, devices, {**origin, **rows.meta, "excluded": excluded})


def _check(rows: LatencyRows, source: Path, partial: bool) -> None:
    named = SourceRows(rows.index_A, rows.columns, rows.places, {})
    check_unique(named, source)
    if not partial:
        check_complete(named, source, "add its row, or import with --partial if the table is meant to be incomplete")
    for column, values in rows.columns.items():
        good = np.isfinite(values) & (values > 0)
        if partial:
            good |= np.isnan(values)
        if not good.all():
            row = int(np.flatnonzero(~good)[0])
            found = "no value" if np.isnan(values[row]) else f"{values[row]:g} ms"
            raise DataError(
                f"{source.name}, {rows.places[row]}, column '{column}': {found} for "
                f"{format_architecture(int(rows.index_A[row]))}; a latency is a positive number of milliseconds: fix "
                "the value, or leave it empty and import with --partial"
            )
