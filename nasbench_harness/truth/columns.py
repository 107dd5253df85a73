"""Columns of a truth table: what they must hold, and how they are unpacked from its file."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError
from nasbench_harness.space import N_ARCHITECTURES, format_architecture

REMEDY = "make it again with `nasbench-harness truth import SOURCE --to FILE`"
MEMBER_LIMIT = 1 << 20  # bytes of one unpacked array: a column needs 125 kB; more is not one of our files

FloatArray = npt.NDArray[np.float64]


class StoredColumns(Mapping[str, FloatArray]):
    """Columns of a table file that are unpacked, and checked, when they are first asked for.

    The bytes of the file are kept, so that nothing that happens to it later matters.
    """

    def __init__(self, path: Path, data: bytes, members: dict[str, str]) -> None:
        """``members``: column name -> name of its part in the file; raises ``DataError`` where a part is missing."""
        self._path, self._data, self._members = path, data, members
        self._archive = zipfile.ZipFile(io.BytesIO(data))
        self._table: tuple[str, dict[str, Any]] | None = None
        self._read: dict[str, FloatArray] = {}
        for member in members.values():
            info_of_member(path, self._archive, member)

    def of_table(self, name: str, meta: dict[str, Any]) -> StoredColumns:
        """The same columns, each checked by the rules of a table of this name and metadata."""
        columns = StoredColumns(self._path, self._data, self._members)
        columns._table = name, meta
        return columns

    def __getitem__(self, name: str) -> FloatArray:
        if name not in self._read:
            try:
                values = read_member(self._path, self._archive, self._members[name]).astype(np.float64)
            except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
                raise DataError(f"{self._path} is not a whole truth table ({error}); {REMEDY}") from error
            self._read[name] = values if self._table is None else checked_column(*self._table, name, values)
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self._path, self._data, self._members, self._table)


def _restored(path: Path, data: bytes, members: dict[str, str], table: tuple[str, dict[str, Any]] | None) -> Any:
    columns = StoredColumns(path, data, members)
    return columns if table is None else columns.of_table(*table)


def declared_partial(meta: dict[str, Any], column: str) -> bool:
    """Whether the metadata of a table declares that values of a column may be missing."""
    declared = meta.get("partial", False)
    return column in declared if isinstance(declared, list) else bool(declared)


def checked_column(table: str, meta: dict[str, Any], name: str, values: FloatArray) -> FloatArray:
    """A read-only copy of a column of the named table; ``DataError`` where it breaks the rules of a table."""
    column = np.array(values, dtype=np.float64) + 0.0  # a copy of our own; -0.0 becomes 0.0
    if column.shape != (N_ARCHITECTURES,):
        raise DataError(
            f"truth table '{table}', column '{name}': expected {N_ARCHITECTURES} rows, found {len(values)}; "
            "a table holds every architecture, missing values as a declared NaN"
        )
    missing = np.isnan(column)
    if np.isinf(column).any() or (missing.any() and not declared_partial(meta, name)):
        row = int(np.flatnonzero(~np.isfinite(column))[0])
        raise DataError(
            f"truth table '{table}', column '{name}': {column[row]} at {format_architecture(row)}; "
            "mend the value, or declare the table partial if it is missing"
        )
    column[missing] = np.nan  # one bit pattern, so that equal tables have equal digests
    column.setflags(write=False)
    return column


def read_member(path: Path, archive: zipfile.ZipFile, name: str) -> npt.NDArray[Any]:
    """One numeric array of the archive; object arrays (which need pickle) are refused unread."""
    info = info_of_member(path, archive, name)
    try:
        array: npt.NDArray[Any] = np.lib.format.read_array(io.BytesIO(archive.read(info)), allow_pickle=False)
    except (ValueError, TypeError, OverflowError, MemoryError) as error:
        raise DataError(f"{path}: part '{name}' is not a plain numeric array ({error}); {REMEDY}") from error
    if array.dtype.kind not in "fiu" or (name != "meta" and array.shape != (N_ARCHITECTURES,)):
        raise DataError(
            f"{path}: part '{name}' is {array.dtype} {list(array.shape)}, expected numbers [{N_ARCHITECTURES}]; "
            f"{REMEDY}"
        )
    return array


def info_of_member(path: Path, archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    """Where a part of the archive stands; ``DataError`` if there is none, or if it is too large to be one of ours."""
    try:
        info = archive.getinfo(f"{name}.npy")
    except KeyError as error:
        raise DataError(f"{path} lacks its part '{name}': not a whole truth table; {REMEDY}") from error
    if info.file_size > MEMBER_LIMIT:
        raise DataError(f"{path}: part '{name}' is {info.file_size} bytes, not a column of this harness; {REMEDY}")
    return info
