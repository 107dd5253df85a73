"""A latency table: one column of milliseconds per device over the 15,625 architectures, in one ``.npz`` file.

The file holds ``head`` (JSON as uint8: format, version, name, devices, metadata, sha256 of the numbers) and
``column_<i>`` (float64 ``[15625]`` by our index, in the order of the devices). It opens without pickle.
"""

from __future__ import annotations

import difflib
import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.space import N_ARCHITECTURES, format_architecture
from nasbench_harness.system.files import write_atomically

FORMAT = "nasbench-harness latency table"
VERSION = 1

_REMEDY = "make it again with `nasbench-harness latency import SOURCE --to FILE`"
_MEMBER_LIMIT = 1 << 24  # bytes of one unpacked array: a column needs 125 kB, a head with every row named some MB

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class DeviceInfo:
    """What a column was measured on and how; a field that the source does not tell is None.

    ``device``: the processor's name. ``batch_size``: images of one pass. ``precision``: such as ``float32``.
    ``image_size``: side in pixels. ``software``: versions by package. ``clock``: how the clock stood (locked, free).
    ``statistic``: what one value is, such as ``median of 30 passes``; ``repeats``: of how many passes.
    ``predicted``: the values come from a predictor, not from a clock.
    """

    device: str | None = None
    batch_size: int | None = None
    precision: str | None = None
    image_size: int | None = None
    software: dict[str, str] = field(default_factory=dict)
    clock: str | None = None
    statistic: str | None = None
    repeats: int | None = None
    predicted: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> DeviceInfo:
        """From ``to_json``; a field of a newer version is ignored."""
        known = {one.name for one in fields(cls)}
        return cls(**{name: found for name, found in value.items() if name in known})


@dataclass(frozen=True, eq=False)
class LatencyTable:
    """Latencies of architectures on devices.

    ``columns``: device column -> float64 ``[15625]`` in milliseconds by our index, read-only; NaN where the value is
    missing or was excluded (``meta["excluded"]`` lists what was and why). ``devices``: what is known of each column.
    Raises ``DataError`` for a column of another length, without any value, or with one that is not positive.
    """

    name: str
    columns: dict[str, FloatArray]
    devices: dict[str, DeviceInfo] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.columns:
            raise DataError(f"latency table '{self.name}' has no column; give it one for each device")
        columns = {name: _checked_column(self.name, name, values) for name, values in self.columns.items()}
        object.__setattr__(self, "columns", columns)
        object.__setattr__(self, "devices", {name: self.devices.get(name, DeviceInfo()) for name in columns})

    def vector(self, device: str) -> FloatArray:
        """Milliseconds of one device column, ``[15625]``; ``DataError`` with the nearest names if there is none."""
        if device in self.columns:
            return self.columns[device]
        near = difflib.get_close_matches(device, self.columns, n=3, cutoff=0.5)
        hint = "did you mean" if near else "it has"
        listed = ", ".join(near or list(self.columns)[:30])
        raise DataError(f"latency table '{self.name}' has no device column '{device}'; {hint} {listed}")

    def only(self, device: str | None) -> str:
        """``device``, checked; None stands for the only column, and is a ``UsageError`` where there are several."""
        if device is not None:
            self.vector(device)
            return device
        if len(self.columns) > 1:
            raise UsageError(f"latency table '{self.name}' has several columns; name one of {', '.join(self.columns)}")
        return next(iter(self.columns))

    def covered(self, device: str) -> npt.NDArray[np.bool_]:
        """Bool ``[15625]``: the rows with a value."""
        return ~np.isnan(self.vector(device))

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the numbers: column names and values; not of metadata, time or compression."""
        digest = hashlib.sha256(f"{FORMAT} {VERSION}\n".encode())
        for name in sorted(self.columns):
            digest.update(f"{name}\n".encode())
            digest.update(self.columns[name].astype("<f8").tobytes())
        return digest.hexdigest()

    def write(self, stream: BinaryIO) -> None:
        """Write the ``.npz`` bytes to an open binary stream; equal tables give equal bytes."""
        head = {
            "format": FORMAT,
            "version": VERSION,
            "name": self.name,
            "devices": {name: info.to_json() for name, info in self.devices.items()},
            "sha256": self.sha256,
            "meta": self.meta,
        }
        text = json.dumps(head, allow_nan=False)
        arrays: dict[str, npt.NDArray[Any]] = {"head": np.frombuffer(text.encode(), dtype=np.uint8)}
        arrays |= {f"column_{i}": values for i, values in enumerate(self.columns.values())}
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, array in arrays.items():
                packed = io.BytesIO()
                np.lib.format.write_array(packed, array, allow_pickle=False)
                # a ZipInfo made by hand carries the fixed date of 1980
                archive.writestr(zipfile.ZipInfo(f"{name}.npy"), packed.getvalue(), zipfile.ZIP_DEFLATED)

    def save(self, path: Path | str) -> None:
        """Write the table to a ``.npz`` file, whole or not at all."""
        path = Path(path)
        if path.suffix != ".npz":
            raise UsageError(f"a latency table is stored as .npz, not as {path.name}; name the file {path.stem}.npz")
        write_atomically(path, self.write)

    @classmethod
    def load(cls, path: Path | str) -> LatencyTable:
        """Read a table; ``DataError`` names the file, the fault and the remedy. Nothing in the file is executed."""
        path = Path(path)
        try:
            with zipfile.ZipFile(path) as archive:
                return _read(cls, path, archive)
        except FileNotFoundError as error:
            raise DataError(f"no latency table at {path}; check the path, or {_REMEDY}") from error
        except (IsADirectoryError, PermissionError) as error:
            raise DataError(f"cannot read the latency table {path}: {error.strerror}; name a readable file") from error
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError, TypeError) as error:
            raise DataError(f"{path} is not a whole latency table ({error}); {_REMEDY}") from error


def _checked_column(table: str, name: str, values: FloatArray) -> FloatArray:
    column = np.array(values, dtype=np.float64)  # a copy of our own
    if column.shape != (N_ARCHITECTURES,):
        raise DataError(
            f"latency table '{table}', column '{name}': expected {N_ARCHITECTURES} architectures, found "
            f"{'x'.join(map(str, column.shape))}; a column holds every architecture of NAS-Bench-201, NaN where unknown"
        )
    missing = np.isnan(column)
    if missing.all():
        raise DataError(f"latency table '{table}', column '{name}' has no value; leave the column out")
    bad = ~missing & ~((column > 0) & np.isfinite(column))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise DataError(
            f"latency table '{table}', column '{name}': {column[row]:g} ms at {format_architecture(row)} is no "
            "latency; mend the value, or leave it out (NaN)"
        )
    column[missing] = np.nan  # one bit pattern, so that equal tables have equal digests
    column.setflags(write=False)
    return column


def _read(cls: type[LatencyTable], path: Path, archive: zipfile.ZipFile) -> LatencyTable:
    try:
        head = json.loads(_member(path, archive, "head").astype(np.uint8).tobytes())
    except ValueError as error:
        raise DataError(f"{path}: its head is not JSON ({error}); {_REMEDY}") from error
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise DataError(f"{path} is an archive, but not a latency table of this harness; {_REMEDY}")
    if head.get("version") != VERSION:
        raise DataError(f"{path} is of version {head.get('version')}, this harness reads version {VERSION}; {_REMEDY}")
    devices = head.get("devices")
    if not isinstance(devices, dict) or not all(isinstance(info, dict) for info in devices.values()):
        raise DataError(f"{path}: its list of devices is damaged; {_REMEDY}")
    columns = {name: _member(path, archive, f"column_{i}").astype(np.float64) for i, name in enumerate(devices)}
    infos = {name: DeviceInfo.from_json(info) for name, info in devices.items()}
    table = cls(str(head.get("name")), columns, infos, dict(head.get("meta") or {}))
    if table.sha256 != head.get("sha256"):
        raise DataError(f"{path}: its numbers do not match its recorded sha256; {_REMEDY}")
    return table


def _member(path: Path, archive: zipfile.ZipFile, name: str) -> npt.NDArray[Any]:
    """One numeric array of the archive; object arrays (which need pickle) are refused unread."""
    try:
        info = archive.getinfo(f"{name}.npy")
    except KeyError as error:
        raise DataError(f"{path} lacks its part '{name}': not a latency table of this harness; {_REMEDY}") from error
    if info.file_size > _MEMBER_LIMIT:
        raise DataError(f"{path}: part '{name}' is {info.file_size} bytes, not a part of this harness; {_REMEDY}")
    try:
        array: npt.NDArray[Any] = np.lib.format.read_array(io.BytesIO(archive.read(info)), allow_pickle=False)
    except (ValueError, TypeError, OverflowError, MemoryError) as error:
        raise DataError(f"{path}: part '{name}' is not a plain numeric array ({error}); {_REMEDY}") from error
    if array.dtype.kind not in "fiu":
        raise DataError(f"{path}: part '{name}' holds {array.dtype}, expected numbers; {_REMEDY}")
    return array
