"""What can be fetched: public addresses at pinned versions, with the checksums that were published or taken there.

``registry.json`` holds ``entries`` and ``groups`` of them. An entry's ``note`` says where a fact was not checked by the
makers of this list. Nothing of the data itself is part of the package.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from nasbench_harness.errors import UsageError


@dataclass(frozen=True)
class Entry:
    """One file of the registry.

    ``checksum``: ``sha256:...`` or ``md5:...`` of the file. ``bytes``: its size, None where it was not published.
    ``file``: its name in the cache. ``makes``: what is made of it there (a folder or a truth table), None when the
    file is used as it is. ``licence``: as stated at the source.
    """

    name: str
    what: str
    licence: str
    url: str
    checksum: str
    bytes: int | None
    file: str
    makes: str | None = None
    note: str | None = None

    @property
    def product(self) -> str:
        """Name in the cache of what is used in the end."""
        return self.makes or self.file


@cache
def _registry() -> dict[str, Any]:
    resource = resources.files("nasbench_harness.data") / "registry.json"
    content: dict[str, Any] = json.loads(resource.read_text(encoding="utf-8"))
    return content


@cache
def entries() -> dict[str, Entry]:
    """All entries by name."""
    return {name: Entry(name, **facts) for name, facts in _registry()["entries"].items()}


def groups() -> dict[str, list[str]]:
    """Names that stand for several entries."""
    return {name: list(members) for name, members in _registry()["groups"].items()}


def entry(name: str) -> Entry:
    """The entry of this name; ``UsageError`` with near names when there is none."""
    if name in entries():
        return entries()[name]
    known = [*groups(), *entries()]
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    hint = f"did you mean {', '.join(near)}?" if near else "`nasbench-harness data ls` lists what there is"
    raise UsageError(f"unknown data '{name}'; {hint}")


def expand(names: Sequence[str]) -> list[Entry]:
    """The entries that names of entries and groups stand for, each once, in the order asked."""
    wanted = [member for name in names for member in groups().get(name, [name])]
    return [entry(name) for name in dict.fromkeys(wanted)]
