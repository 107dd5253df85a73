"""A latency table: one column of milliseconds per device over the 15,625 architectures, in one ``.npz`` file.

The file holds ``head`` (JSON as uint8: format, version, name, devices, metadata, sha256 of the numbers) and
``column_<i>`` (float64 ``[15625]`` by our index, in the order of the devices). It opens without pickle.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.space import N_ARCHITECTURES, format_architecture
from nasbench_harness.system.column_file import (
    ColumnFile,
    ColumnFormat,
    StoredColumns,
    column_part,
    no_such_column,
    sealed,
    write_facts,
    write_part,
)

LATENCY_FILE = ColumnFormat(
    noun="latency table",
    version=1,
    rows=N_ARCHITECTURES,
    facts="head",
    remedy="make it again with `nasbench-harness latency import SOURCE --to FILE`",
)

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
        raise no_such_column(f"latency table '{self.name}'", "device column", device, self.columns)

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
        return LATENCY_FILE.digest(self.columns, {})

    def write(self, stream: BinaryIO) -> None:
        """Write the ``.npz`` bytes to an open binary stream; equal tables give equal bytes."""
        facts = {
            "name": self.name,
            "devices": {name: info.to_json() for name, info in self.devices.items()},
            "sha256": self.sha256,
            "meta": self.meta,
        }
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            write_facts(archive, LATENCY_FILE, facts)
            for number, values in enumerate(self.columns.values()):
                write_part(archive, column_part(number), values)

    def save(self, path: Path | str) -> None:
        """Write the table to a ``.npz`` file, whole or not at all."""
        LATENCY_FILE.save(Path(path), self.write)

    @classmethod
    def load(cls, path: Path | str) -> LatencyTable:
        """Read a table; ``DataError`` names the file, the fault and the remedy. Nothing in the file is executed."""
        with LATENCY_FILE.opening(Path(path)) as file:
            return _read(cls, file)


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
            "latency; fix the value, or leave it out (NaN)"
        )
    return sealed(column)


def _read(cls: type[LatencyTable], file: ColumnFile) -> LatencyTable:
    facts = file.facts()
    devices = facts.get("devices")
    if not isinstance(devices, dict) or not all(isinstance(info, dict) for info in devices.values()):
        raise DataError(f"{file.path}: its list of devices is damaged; {LATENCY_FILE.remedy}")
    infos = {name: DeviceInfo.from_json(info) for name, info in devices.items()}
    table = cls(str(facts.get("name")), dict(StoredColumns(file, devices)), infos, dict(facts.get("meta") or {}))
    if table.sha256 != facts.get("sha256"):
        raise DataError(f"{file.path}: its numbers do not match its recorded sha256; {LATENCY_FILE.remedy}")
    return table
