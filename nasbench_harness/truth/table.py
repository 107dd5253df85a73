"""A truth table: columns over the 15,625 architectures, in one compressed file that opens without pickle.

The file is a NumPy ``.npz`` archive: ``meta`` (JSON as uint8: format, version, name, column names, sha256, metadata),
``column_<i>`` (float64 ``[15625]``, in the order of the column names) and, where known, ``benchmark_index``.
"""

from __future__ import annotations

import difflib
import hashlib
import io
import json
import zipfile
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.files import write_atomically
from nasbench_harness.space import N_ARCHITECTURES, format_architecture

FORMAT = "nasbench-harness truth table"
VERSION = 1

_REMEDY = "make it again with `nasbench-harness truth import SOURCE --to FILE`"
_MEMBER_LIMIT = 1 << 20  # bytes of one unpacked array: a column needs 125 kB; more is not one of our files

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class TruthTable:
    """Measured values of architectures; row = our index.

    ``columns``: name -> float64 ``[15625]``, read-only; accuracies in percent. A NaN is a missing value and is allowed
    only where ``meta["partial"]`` declares it: ``True`` (any column) or a list of column names. Infinity never is.
    ``benchmark_index``: int64 ``[15625]``, the benchmark's own number of each row, or None.
    ``meta``: JSON-able facts on the origin. Raises ``DataError`` when a column breaks these rules.
    """

    name: str
    columns: dict[str, FloatArray]
    benchmark_index: IntArray | None
    meta: dict[str, Any]

    def __post_init__(self) -> None:
        if not self.columns:
            raise DataError(f"truth table '{self.name}' has no column; give it at least one")
        columns = {name: _checked_column(self, name, values) for name, values in self.columns.items()}
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
        return _declared_partial(self.meta, column)

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
        text = json.dumps(head, allow_nan=False)
        arrays: dict[str, npt.NDArray[Any]] = {"meta": np.frombuffer(text.encode(), dtype=np.uint8)}
        arrays |= {f"column_{i}": values for i, values in enumerate(self.columns.values())}
        if self.benchmark_index is not None:
            arrays["benchmark_index"] = self.benchmark_index.astype(np.int32)
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, array in arrays.items():
                packed = io.BytesIO()
                np.lib.format.write_array(packed, array, allow_pickle=False)
                # a ZipInfo made by hand carries the fixed date of 1980: equal tables give equal files
                archive.writestr(zipfile.ZipInfo(f"{name}.npy"), packed.getvalue(), zipfile.ZIP_DEFLATED)

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
            with zipfile.ZipFile(path) as archive:
                return _read(cls, path, archive)
        except FileNotFoundError as error:
            raise DataError(f"no truth table at {path}; check the path, or {_REMEDY}") from error
        except (IsADirectoryError, PermissionError) as error:
            raise DataError(f"cannot read the truth table {path}: {error.strerror}; name a readable file") from error
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
            raise DataError(f"{path} is not a whole truth table ({error}); {_REMEDY}") from error


def _declared_partial(meta: dict[str, Any], column: str) -> bool:
    declared = meta.get("partial", False)
    return column in declared if isinstance(declared, list) else bool(declared)


def _checked_column(table: TruthTable, name: str, values: FloatArray) -> FloatArray:
    column = np.array(values, dtype=np.float64) + 0.0  # a copy of our own; -0.0 becomes 0.0
    if column.shape != (N_ARCHITECTURES,):
        raise DataError(
            f"truth table '{table.name}', column '{name}': expected {N_ARCHITECTURES} rows, found {len(values)}; "
            "a table holds every architecture, missing values as a declared NaN"
        )
    missing = np.isnan(column)
    if np.isinf(column).any() or (missing.any() and not _declared_partial(table.meta, name)):
        row = int(np.flatnonzero(~np.isfinite(column))[0])
        raise DataError(
            f"truth table '{table.name}', column '{name}': {column[row]} at {format_architecture(row)}; "
            "mend the value, or declare the table partial if it is missing"
        )
    column[missing] = np.nan  # one bit pattern, so that equal tables have equal digests
    column.setflags(write=False)
    return column


def _read(cls: type[TruthTable], path: Path, archive: zipfile.ZipFile) -> TruthTable:
    head = _read_head(path, archive)
    names = head.get("columns")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DataError(f"{path}: its list of columns is damaged; {_REMEDY}")
    columns = {name: _member(path, archive, f"column_{i}").astype(np.float64) for i, name in enumerate(names)}
    has_order = "benchmark_index.npy" in archive.namelist()
    order = _member(path, archive, "benchmark_index").astype(np.int64) if has_order else None
    table = cls(str(head.get("name")), columns, order, dict(head.get("meta") or {}))
    if table.sha256 != head.get("sha256"):
        raise DataError(
            f"{path}: its numbers do not match its recorded sha256 (expected {head.get('sha256')}, found "
            f"{table.sha256}); {_REMEDY}"
        )
    return table


def _read_head(path: Path, archive: zipfile.ZipFile) -> dict[str, Any]:
    try:
        head = json.loads(_member(path, archive, "meta").astype(np.uint8).tobytes())
    except ValueError as error:
        raise DataError(f"{path}: its metadata is not JSON ({error}); {_REMEDY}") from error
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise DataError(f"{path} is an archive, but not a truth table of this harness; {_REMEDY}")
    if head.get("version") != VERSION:
        raise DataError(
            f"{path} is a truth table of version {head.get('version')}, and this harness reads version {VERSION}; "
            f"{_REMEDY}"
        )
    return head


def _member(path: Path, archive: zipfile.ZipFile, name: str) -> npt.NDArray[Any]:
    """One numeric array of the archive; object arrays (which need pickle) are refused unread."""
    try:
        info = archive.getinfo(f"{name}.npy")
    except KeyError as error:
        raise DataError(f"{path} lacks its part '{name}': not a whole truth table; {_REMEDY}") from error
    if info.file_size > _MEMBER_LIMIT:
        raise DataError(f"{path}: part '{name}' is {info.file_size} bytes, not a column of this harness; {_REMEDY}")
    try:
        array: npt.NDArray[Any] = np.lib.format.read_array(io.BytesIO(archive.read(info)), allow_pickle=False)
    except (ValueError, TypeError, OverflowError, MemoryError) as error:
        raise DataError(f"{path}: part '{name}' is not a plain numeric array ({error}); {_REMEDY}") from error
    if array.dtype.kind not in "fiu" or (name != "meta" and array.shape != (N_ARCHITECTURES,)):
        raise DataError(
            f"{path}: part '{name}' is {array.dtype} {list(array.shape)}, expected numbers [{N_ARCHITECTURES}]; "
            f"{_REMEDY}"
        )
    return array
