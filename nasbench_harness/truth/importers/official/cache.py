"""Finished parts of a long import, kept in a folder so that an interrupted import resumes where it stopped."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from nasbench_harness.system.arrays import store_arrays, stored_arrays

_SCHEMA = 1  # raise when the numbers taken from a file change: stored parts then no longer count

Part = dict[int, dict[str, float]]  # the benchmark's number of an architecture -> its values by column


class PartCache:
    """Parts of an import in a folder; without a folder nothing is stored or found.

    A part is known by the names, sizes and times of its files, so a changed file is read again.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def load(self, files: Sequence[Path]) -> Part | None:
        """The stored values of these files, or None where there are none or they are damaged."""
        if self.folder is None:
            return None
        stored = stored_arrays(self._path(files), ("numbers", "values", "names"))
        if stored is None:
            return None
        numbers, value_AC, text = stored
        try:
            names = json.loads(text.tobytes())
        except ValueError:
            return None
        if value_AC.shape != (len(files), len(names)) or numbers.shape != (len(files),):
            return None
        return {
            int(number): {name: float(v) for name, v in zip(names, values, strict=True) if not np.isnan(v)}
            for number, values in zip(numbers, value_AC, strict=True)
        }

    def store(self, files: Sequence[Path], part: Mapping[int, Mapping[str, float]]) -> None:
        """Keep the values of these files. Raises ``UsageError`` or ``RunError`` when the folder cannot be written."""
        if self.folder is None:
            return
        names = sorted({name for values in part.values() for name in values})
        value_AC = np.array([[values.get(name, np.nan) for name in names] for values in part.values()])
        text = np.frombuffer(json.dumps(names).encode(), dtype=np.uint8)
        numbers = np.array(list(part), dtype=np.int64)
        store_arrays(self._path(files), {"numbers": numbers, "values": value_AC, "names": text})

    def remove(self) -> None:
        """Delete the stored parts, and the folder unless something else lies in it."""
        if self.folder is None or not self.folder.is_dir():
            return
        for path in self.folder.glob("part-*.npz"):
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    def _path(self, files: Sequence[Path]) -> Path:
        assert self.folder is not None
        about = [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in files]
        identity = hashlib.sha256(json.dumps([_SCHEMA, about]).encode()).hexdigest()
        return self.folder / f"part-{identity[:24]}.npz"
