"""The folder of fetched data, and what of the registry lies in it.

It is the platform's cache folder of ``nasbench-harness``, or what the environment variable ``NASBENCH_HARNESS_DATA``
names. A file has its final name only when it is whole and its checksum was right; a download that broke off waits as
``NAME.part`` in the subfolder ``partial`` until it is taken up again.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from nasbench_harness.data.registry import Entry, entries, groups

VARIABLE = "NASBENCH_HARNESS_DATA"
PARTIAL = "partial"

State = Literal["ready", "file only", "partial", "absent"]


@dataclass(frozen=True)
class Item:
    """An entry and its state here. ``path``: what is used in the end, None unless ready."""

    entry: Entry
    state: State
    path: Path | None

    def to_json(self) -> dict[str, Any]:
        """All facts as a JSON object."""
        members = [name for name, listed in groups().items() if self.entry.name in listed]
        return {
            **asdict(self.entry),
            "groups": members,
            "state": self.state,
            "path": None if self.path is None else str(self.path),
        }


def cache_folder() -> Path:
    """Where data is kept; it need not exist yet."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named).expanduser().absolute()
    import pooch

    return Path(pooch.os_cache("nasbench-harness"))


def partial_file(folder: Path, entry: Entry) -> Path:
    """Where an unfinished download waits."""
    return folder / PARTIAL / f"{entry.file}.part"


def state_of(entry: Entry, folder: Path) -> State:
    """What lies there under this entry's names. Contents are checked where they are read, not here."""
    if (folder / entry.product).exists():
        return "ready"
    if (folder / entry.file).exists():
        return "file only"
    return "partial" if partial_file(folder, entry).exists() else "absent"


def find(entry: Entry, folder: Path | None = None) -> Path | None:
    """The path of what is used in the end, or None when it is not here."""
    folder = folder or cache_folder()
    return folder / entry.product if state_of(entry, folder) == "ready" else None


def listing(folder: Path | None = None) -> list[Item]:
    """Every entry with its state."""
    folder = folder or cache_folder()
    return [Item(one, state_of(one, folder), find(one, folder)) for one in entries().values()]
