"""A truth table: columns over the 15,625 architectures, in one compressed file that opens without pickle.

The file is a NumPy ``.npz`` archive: ``meta`` (JSON as uint8: format, version, name, column names, sha256, metadata),
``column_<i>`` (float64 ``[15625]``, in the order of the column names) and, where known, ``benchmark_index``.

``meta`` stands last and holds a sha256 of all bytes before it, ``stored_sha256``: where that is right the columns are
those that were written, and need not be unpacked to be trusted. A file without it, or packed again by another program,
is unpacked and checked whole.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError
from nasbench_harness.space import N_ARCHITECTURES
from nasbench_harness.system.column_file import (
    ColumnFile,
    ColumnFormat,
    StoredColumns,
    column_part,
    no_such_column,
    write_facts,
    write_part,
)
from nasbench_harness.truth.columns import FloatArray, checked_column, declared_partial

TRUTH_FILE = ColumnFormat(
    noun="truth table",
    version=1,
    rows=N_ARCHITECTURES,
    facts="meta",
    remedy="make it again with `nasbench-harness truth import SOURCE --to FILE`",
)
_ORDER = "benchmark_index"  # the part with the benchmark's number of each row

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class TruthTable:
    """Measured values of architectures; row = our index.

    ``columns``: name -> float64 ``[15625]``, read-only; accuracies in percent; those of a file are unpacked when first
    asked for. A NaN is a missing value and is allowed only where ``meta["partial"]`` declares it: ``True`` (any
    column) or a list of column names. Infinity never is.
    ``benchmark_index``: int64 ``[15625]``, the benchmark's own number of each row, or None.
    ``meta``: JSON-able facts on the origin. Raises ``DataError`` when a column breaks these rules.
    """

    name: str
    columns: Mapping[str, FloatArray]
    benchmark_index: IntArray | None
    meta: dict[str, Any]

    def __post_init__(self) -> None:
        if not self.columns:
            raise DataError(f"truth table '{self.name}' has no column; give it at least one")
        if isinstance(self.columns, StoredColumns):
            columns: Mapping[str, FloatArray] = self.columns.checked_by(partial(checked_column, self.name, self.meta))
        else:
            columns = {n: checked_column(self.name, self.meta, n, values) for n, values in self.columns.items()}
        object.__setattr__(self, "columns", columns)
        if self.benchmark_index is not None:
            index = np.array(self.benchmark_index, dtype=np.int64)
            if not np.array_equal(np.sort(index), np.arange(N_ARCHITECTURES)):
                raise DataError(
                    f"truth table '{self.name}': benchmark_index must hold each of 0..{N_ARCHITECTURES - 1} once; "
                    "leave it out if it is not known"
                )
            index.setflags(write=False)
            object.__setattr__(self, "benchmark_index", index)

    def column(self, name: str) -> FloatArray:
        """The values of one column, ``[15625]``; ``DataError`` with the nearest names if there is none."""
        if name in self.columns:
            return self.columns[name]
        raise no_such_column(f"truth table '{self.name}'", "column", name, self.columns)

    def is_partial(self, column: str) -> bool:
        """Whether missing values are declared for this column."""
        return declared_partial(self.meta, column)

    @cached_property
    def covered(self) -> BoolArray:
        """Bool ``[15625]``: rows that hold a value in at least one column."""
        covered = np.zeros(N_ARCHITECTURES, dtype=np.bool_)
        for values in self.columns.values():
            covered |= ~np.isnan(values)
        return covered

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the numbers: column names, values and benchmark order; not of metadata, time or compression."""
        order = {} if self.benchmark_index is None else {_ORDER: self.benchmark_index}
        return TRUTH_FILE.digest(self.columns, order)

    def write(self, stream: BinaryIO) -> None:
        """Write the ``.npz`` bytes to an open binary stream."""
        facts = {"name": self.name, "columns": list(self.columns), "sha256": self.sha256, "meta": self.meta}
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for number, values in enumerate(self.columns.values()):
                write_part(archive, column_part(number), values)
            if self.benchmark_index is not None:
                write_part(archive, _ORDER, self.benchmark_index.astype(np.int32))
            sealed = {**facts, "stored_sha256": _stored_sha256(buffer.getbuffer(), facts)}
            write_facts(archive, TRUTH_FILE, sealed)
        stream.write(buffer.getvalue())

    def save(self, path: Path | str) -> None:
        """Write the table to a ``.npz`` file, whole or not at all."""
        TRUTH_FILE.save(Path(path), self.write)

    @classmethod
    def open(cls, path: Path | str) -> TruthTable:
        """Read a table; ``DataError`` names the file, the fault and the remedy. Nothing in the file is executed."""
        with TRUTH_FILE.opening(Path(path)) as file:
            return _read(cls, file)


def _stored_sha256(packed: memoryview, facts: Mapping[str, Any]) -> str:
    """Of the packed parts with what the facts say of them: the order of the names, the sha256 of the numbers."""
    digest = hashlib.sha256(packed)
    digest.update(json.dumps([facts.get("columns"), facts.get("sha256")]).encode())
    return digest.hexdigest()


def _read(cls: type[TruthTable], file: ColumnFile) -> TruthTable:
    facts, remedy = file.facts(), TRUTH_FILE.remedy
    names = facts.get("columns")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DataError(f"{file.path}: its list of columns is damaged; {remedy}")
    as_written = facts.get("stored_sha256") == _stored_sha256(file.before(TRUTH_FILE.facts), facts)
    stored = StoredColumns(file, names)
    columns: Mapping[str, FloatArray] = stored if as_written else dict(stored)
    order = file.read(_ORDER).astype(np.int64) if _ORDER in file else None
    table = cls(str(facts.get("name")), columns, order, dict(facts.get("meta") or {}))
    if as_written:
        table.__dict__["sha256"] = facts["sha256"]  # as the writer found it, of the very bytes that stand before it
    elif table.sha256 != facts.get("sha256"):
        raise DataError(
            f"{file.path}: its numbers do not match its recorded sha256 (expected {facts.get('sha256')}, found "
            f"{table.sha256}); {remedy}"
        )
    return table
