"""Tables of columns in one compressed file that opens without pickle: how they are written, read and refused.

The file is a NumPy ``.npz`` archive. One part holds the facts of the table as JSON (uint8): format, version, and what
its kind of table adds. ``column_<i>`` is the i-th column, one number for each row. ``ColumnFormat`` says what differs
between kinds of tables; every error names the file, the fault and how to get a sound file again.
"""

from __future__ import annotations

import difflib
import hashlib
import io
import json
import math
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError, HarnessError, UsageError
from nasbench_harness.system.files import write_atomically
from nasbench_harness.system.reading import parse_json, read_file, why

FloatArray = npt.NDArray[np.float64]
Check = Callable[[str, FloatArray], FloatArray]

_ARRAY_LIMIT = 1 << 20  # bytes of one unpacked array: a column needs 125 kB; more is not one of our files
_FACTS_LIMIT = 1 << 24  # bytes of the unpacked facts: with every row named they take some MB


@dataclass(frozen=True)
class ColumnFormat:
    """A kind of table file. ``noun``: what it is called, such as "truth table"; ``rows``: length of a column.

    ``facts``: the part that holds the JSON. ``remedy``: how to get a sound file again, the end of an error message.
    """

    noun: str
    version: int
    rows: int
    facts: str
    remedy: str

    @property
    def name(self) -> str:
        """What the facts of a file state as its format."""
        return f"nasbench-harness {self.noun}"

    def digest(self, columns: Mapping[str, FloatArray], extra: Mapping[str, npt.NDArray[np.int64]]) -> str:
        """SHA-256 of names and numbers; not of facts, time, compression or the order of the columns."""
        digest = hashlib.sha256(f"{self.name} {self.version}\n".encode())
        for name in sorted(columns):
            digest.update(f"{name}\n".encode())
            digest.update(columns[name].astype("<f8").tobytes())
        for name, values in extra.items():
            digest.update(f"{name}\n".encode())
            digest.update(values.astype("<i8").tobytes())
        return digest.hexdigest()

    def check_name(self, path: Path) -> None:
        """``UsageError`` where a table would be stored under another ending than ``.npz``."""
        if path.suffix != ".npz":
            raise UsageError(f"a {self.noun} is stored as .npz, not as {path.name}; name the file {path.stem}.npz")

    def save(self, path: Path, write: Callable[[BinaryIO], object]) -> None:
        """What ``write`` gives, as a file of this kind: whole or not at all."""
        self.check_name(path)
        write_atomically(path, write)

    @contextmanager
    def opening(self, path: Path) -> Iterator[ColumnFile]:
        """The file at ``path``; what goes wrong with it in the block becomes a ``DataError``."""
        try:
            data = read_file(path)
        except FileNotFoundError as error:
            raise DataError(f"no {self.noun} at {path}; check the path, or {self.remedy}") from error
        except OSError as error:
            raise DataError(f"cannot read the {self.noun} {path}: {why(error)}; name a readable file") from error
        with self.explaining(path):
            yield ColumnFile(self, path, data)

    @contextmanager
    def explaining(self, path: Path) -> Iterator[None]:
        """Turn what a damaged file may raise into a ``DataError``."""
        try:
            yield
        except HarnessError:
            raise
        except Exception as error:  # what stands in an archive can make its readers raise nearly anything
            raise DataError(f"{path} is not a whole {self.noun} ({error}); {self.remedy}") from error


class ColumnFile:
    """The bytes of a file, kept, so that nothing that happens to the file later matters; parts unpack when asked for.

    Can be pickled.
    """

    def __init__(self, kind: ColumnFormat, path: Path, data: bytes) -> None:
        """``data``: the content of ``path``; ``zipfile.BadZipFile`` where it is no archive."""
        self.kind, self.path, self._data = kind, path, data
        self._archive = zipfile.ZipFile(io.BytesIO(data))

    def __reduce__(self) -> tuple[Any, ...]:
        return ColumnFile, (self.kind, self.path, self._data)

    def __contains__(self, part: str) -> bool:
        return f"{part}.npy" in self._archive.namelist()

    def facts(self) -> dict[str, Any]:
        """The facts, of this format and version; ``DataError`` where they are those of another."""
        kind = self.kind
        try:
            facts = parse_json(self.read(kind.facts).astype(np.uint8).tobytes())
        except ValueError as error:
            raise DataError(f"{self.path}: its metadata is not JSON ({error}); {kind.remedy}") from error
        if not isinstance(facts, dict) or facts.get("format") != kind.name:
            raise DataError(f"{self.path} is an archive, but not a {kind.noun} of this harness; {kind.remedy}")
        if facts.get("version") != kind.version:
            raise DataError(
                f"{self.path} is a {kind.noun} of version {facts.get('version')}, and this harness reads version "
                f"{kind.version}; {kind.remedy}"
            )
        return facts

    def before(self, part: str) -> memoryview:
        """The packed bytes that stand before a part."""
        return memoryview(self._data)[: self._info(part).header_offset]

    def check(self, parts: Iterable[str]) -> None:
        """``DataError`` where one of the parts is missing or too large."""
        for part in parts:
            self._info(part)

    def read(self, part: str) -> npt.NDArray[Any]:
        """One numeric array, ``[rows]`` but for the facts; object arrays (which need pickle) are refused unread."""
        kind, info = self.kind, self._info(part)
        try:
            array = _array(self._archive.read(info))
        except HarnessError:
            raise
        except Exception as error:  # such as a header that is no Python literal
            raise DataError(
                f"{self.path}: part '{part}' is not a plain numeric array ({error}); {kind.remedy}"
            ) from error
        if array.dtype.kind not in "fiu" or (part != kind.facts and array.shape != (kind.rows,)):
            raise DataError(
                f"{self.path}: part '{part}' is {array.dtype} {list(array.shape)}, expected numbers [{kind.rows}]; "
                f"{kind.remedy}"
            )
        return array

    def _info(self, part: str) -> zipfile.ZipInfo:
        kind = self.kind
        try:
            info = self._archive.getinfo(f"{part}.npy")
        except KeyError as error:
            raise DataError(f"{self.path} lacks its part '{part}': not a whole {kind.noun}; {kind.remedy}") from error
        if info.file_size > (_FACTS_LIMIT if part == kind.facts else _ARRAY_LIMIT):
            raise DataError(
                f"{self.path}: part '{part}' is {info.file_size} bytes, not a column of this harness; {kind.remedy}"
            )
        return info


def _array(data: bytes) -> npt.NDArray[Any]:
    """The array of an ``.npy`` file; ``ValueError`` where it holds objects, or more or fewer bytes than it says."""
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, by_columns, dtype = read_header(stream)
    if dtype.hasobject or math.prod(shape) * dtype.itemsize != len(data) - stream.tell():
        raise ValueError(f"{dtype} {list(shape)[:4]} in {len(data):,} bytes")
    return np.frombuffer(data, dtype, offset=stream.tell()).reshape(shape, order="F" if by_columns else "C")


def sealed(column: FloatArray) -> FloatArray:
    """The column, read-only and with one bit pattern for all its NaN, so that equal tables have equal digests."""
    column[np.isnan(column)] = np.nan
    column.setflags(write=False)
    return column


class StoredColumns(Mapping[str, FloatArray]):
    """The columns of a file, each unpacked and checked when it is first asked for."""

    def __init__(self, file: ColumnFile, names: Iterable[str], check: Check | None = None) -> None:
        """``names``: of the columns, in stored order; ``check(name, values)`` gives the column or raises."""
        self._file, self._check = file, check
        self._parts = {name: column_part(number) for number, name in enumerate(names)}
        self._read: dict[str, FloatArray] = {}
        file.check(self._parts.values())

    def checked_by(self, check: Check) -> StoredColumns:
        """The same columns, each checked in this way."""
        return StoredColumns(self._file, self._parts, check)

    def __getitem__(self, name: str) -> FloatArray:
        if name not in self._read:
            with self._file.kind.explaining(self._file.path):
                values = self._file.read(self._parts[name]).astype(np.float64)
            self._read[name] = values if self._check is None else self._check(name, values)
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)

    def __contains__(self, name: object) -> bool:
        return name in self._parts

    def __reduce__(self) -> tuple[Any, ...]:
        return StoredColumns, (self._file, list(self._parts), self._check)


def column_part(number: int) -> str:
    """The part of a file that holds a column."""
    return f"column_{number}"


def write_part(archive: zipfile.ZipFile, part: str, array: npt.NDArray[Any]) -> None:
    """Add an array to an archive; equal arrays give equal bytes."""
    packed = io.BytesIO()
    np.lib.format.write_array(packed, array, allow_pickle=False)
    # a ZipInfo made by hand carries the fixed date of 1980
    archive.writestr(zipfile.ZipInfo(f"{part}.npy"), packed.getvalue(), zipfile.ZIP_DEFLATED)


def write_facts(archive: zipfile.ZipFile, kind: ColumnFormat, facts: Mapping[str, Any]) -> None:
    """Add the facts of a table, after its format and version."""
    text = json.dumps({"format": kind.name, "version": kind.version, **facts}, allow_nan=False)
    write_part(archive, kind.facts, np.frombuffer(text.encode(), dtype=np.uint8))


def no_such_column(table: str, kind: str, wanted: str, columns: Iterable[str]) -> DataError:
    """The error of a table that lacks a column, naming near ones; ``table`` and ``kind`` are words of the message."""
    known = list(columns)
    near = difflib.get_close_matches(wanted, known, n=3, cutoff=0.5)
    hint, listed = ("did you mean", near) if near else ("it has", known[:20])
    return DataError(f"{table} has no {kind} '{wanted}'; {hint} {', '.join(listed)}")
