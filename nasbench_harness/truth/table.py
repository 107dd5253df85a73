"""A truth table: columns over the 15,625 architectures, in one compressed file that opens without pickle.

The file is a NumPy ``.npz`` archive: ``meta`` (JSON as uint8: format, version, name, column names, sha256, metadata),
``column_<i>`` (float64 ``[15625]``, in the order of the column names) and, where known, ``benchmark_index``.

``meta`` stands last and holds a sha256 of all bytes before it, ``stored_sha256``: where that is right the columns are
those that were written, and need not be unpacked to be trusted. A file without it, or packed anew by another program,
is unpacked and checked whole.
"""

from __future__ import annotations

import difflib
import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.space import N_ARCHITECTURES
from nasbench_harness.system.files import write_atomically
from nasbench_harness.truth.columns import (
    REMEDY,
    FloatArray,
    StoredColumns,
    checked_column,
    declared_partial,
    read_member,
)

FORMAT = "nasbench-harness truth table"
VERSION = 1

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
            columns: Mapping[str, FloatArray] = self.columns.of_table(self.name, self.meta)
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
        near = difflib.get_close_matches(name, self.columns, n=3, cutoff=0.5)
        listed = near or list(self.columns)[:20]
        hint = "did you mean" if near else "it has"
        raise DataError(f"truth table '{self.name}' has no column '{name}'; {hint} {', '.join(listed)}")

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
        digest = hashlib.sha256(f"{FORMAT} {VERSION}\n".encode())
        for name in sorted(self.columns):
            digest.update(f"{name}\n".encode())
            digest.update(self.columns[name].astype("<f8").tobytes())
        if self.benchmark_index is not None:
            digest.update(b"benchmark_index\n")
            digest.update(self.benchmark_index.astype("<i8").tobytes())
        return digest.hexdigest()

    def write(self, stream: BinaryIO) -> None:
        """Write the ``.npz`` bytes to an open binary stream."""
        head = {
            "format": FORMAT,
            "version": VERSION,
            "name": self.name,
            "columns": list(self.columns),
            "sha256": self.sha256,
            "meta": self.meta,
        }
        arrays: dict[str, npt.NDArray[Any]] = {f"column_{i}": values for i, values in enumerate(self.columns.values())}
        if self.benchmark_index is not None:
            arrays["benchmark_index"] = self.benchmark_index.astype(np.int32)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, array in arrays.items():
                _write_member(archive, name, array)
            text = json.dumps({**head, "stored_sha256": _stored_sha256(buffer.getbuffer(), head)}, allow_nan=False)
            _write_member(archive, "meta", np.frombuffer(text.encode(), dtype=np.uint8))
        stream.write(buffer.getvalue())

    def save(self, path: Path | str) -> None:
        """Write the table to a ``.npz`` file, whole or not at all."""
        path = Path(path)
        if path.suffix != ".npz":
            raise UsageError(f"a truth table is stored as .npz, not as {path.name}; name the file {path.stem}.npz")
        write_atomically(path, self.write)

    @classmethod
    def open(cls, path: Path | str) -> TruthTable:
        """Read a table; ``DataError`` names the file, the fault and the remedy. Nothing in the file is executed."""
        path = Path(path)
        try:
            data = path.read_bytes()
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                return _read(cls, path, archive, data)
        except FileNotFoundError as error:
            raise DataError(f"no truth table at {path}; check the path, or {REMEDY}") from error
        except (IsADirectoryError, PermissionError) as error:
            raise DataError(f"cannot read the truth table {path}: {error.strerror}; name a readable file") from error
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
            raise DataError(f"{path} is not a whole truth table ({error}); {REMEDY}") from error


def _stored_sha256(packed: memoryview, head: dict[str, Any]) -> str:
    """Of the packed parts with what the head says of them: the order of the names, the sha256 of the numbers."""
    digest = hashlib.sha256(packed)
    digest.update(json.dumps([head.get("columns"), head.get("sha256")]).encode())
    return digest.hexdigest()


def _write_member(archive: zipfile.ZipFile, name: str, array: npt.NDArray[Any]) -> None:
    packed = io.BytesIO()
    np.lib.format.write_array(packed, array, allow_pickle=False)
    # a ZipInfo made by hand carries the fixed date of 1980: equal tables give equal files
    archive.writestr(zipfile.ZipInfo(f"{name}.npy"), packed.getvalue(), zipfile.ZIP_DEFLATED)


def _read(cls: type[TruthTable], path: Path, archive: zipfile.ZipFile, data: bytes) -> TruthTable:
    head = _read_head(path, archive)
    names = head.get("columns")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DataError(f"{path}: its list of columns is damaged; {REMEDY}")
    before_meta = memoryview(data)[: archive.getinfo("meta.npy").header_offset]
    as_written = head.get("stored_sha256") == _stored_sha256(before_meta, head)
    stored = StoredColumns(path, data, {name: f"column_{i}" for i, name in enumerate(names)})
    columns: Mapping[str, FloatArray] = stored if as_written else dict(stored)
    has_order = "benchmark_index.npy" in archive.namelist()
    order = read_member(path, archive, "benchmark_index").astype(np.int64) if has_order else None
    table = cls(str(head.get("name")), columns, order, dict(head.get("meta") or {}))
    if as_written:
        table.__dict__["sha256"] = head["sha256"]  # as the writer found it, of the very bytes that stand before it
    elif table.sha256 != head.get("sha256"):
        raise DataError(
            f"{path}: its numbers do not match its recorded sha256 (expected {head.get('sha256')}, found "
            f"{table.sha256}); {REMEDY}"
        )
    return table


def _read_head(path: Path, archive: zipfile.ZipFile) -> dict[str, Any]:
    try:
        head = json.loads(read_member(path, archive, "meta").astype(np.uint8).tobytes())
    except ValueError as error:
        raise DataError(f"{path}: its metadata is not JSON ({error}); {REMEDY}") from error
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise DataError(f"{path} is an archive, but not a truth table of this harness; {REMEDY}")
    if head.get("version") != VERSION:
        raise DataError(
            f"{path} is a truth table of version {head.get('version')}, and this harness reads version {VERSION}; "
            f"{REMEDY}"
        )
    return head
