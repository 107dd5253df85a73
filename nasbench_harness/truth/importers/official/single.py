"""Official archives in one file: NATS-Bench's ``.pickle.pbz2`` and NAS-Bench-201's ``.pth``.

Both hold one dictionary: ``meta_archs`` (strings), ``arch2infos`` (number -> budget -> results) and
``evaluated_indexes``. It is read from front to back in one go, so an interrupted import starts again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasbench_harness.errors import DataError
from nasbench_harness.space import N_ARCHITECTURES
from nasbench_harness.truth.importers.base import ImportOptions, SourceRows
from nasbench_harness.truth.importers.official.load import (
    UntrustedError,
    Visit,
    check_name,
    load_pickle,
    load_torch,
    load_trusted,
)
from nasbench_harness.truth.importers.official.rows import Gathered, check_index
from nasbench_harness.truth.importers.official.values import as_mapping, read_architecture

Load = Callable[[Path, Visit], Any]


@dataclass
class SingleFileImporter:
    """Reads an archive in one file. ``suffix``: end of its name; ``load``: the reader of such files."""

    name: str
    suffix: str
    benchmark: str
    load: Load

    def recognises(self, path: Path) -> bool:
        return path.name.lower().endswith(self.suffix) and not path.is_dir()

    def read(self, path: Path) -> SourceRows:
        return self.read_large(path, ImportOptions())

    def read_large(self, path: Path, options: ImportOptions) -> SourceRows:
        version = check_name(path)
        gathered = gather(path, self.load, options)
        return gathered.rows({"benchmark": self.benchmark, "version": version})


# such as NATS-tss-v1_0-3ffb9.pickle.pbz2
NATS_FILE = SingleFileImporter("NATS-Bench file (.pickle.pbz2)", ".pickle.pbz2", "NATS-Bench topology", load_pickle)
# NAS-Bench-201-v1_0-e61699.pth, NAS-Bench-201-v1_1-096897.pth
NAS_BENCH_201_FILE = SingleFileImporter("NAS-Bench-201 file (.pth)", ".pth", "NAS-Bench-201", load_torch)


def gather(path: Path, load: Load, options: ImportOptions) -> Gathered:
    """All architectures of a file. ``DataError`` naming the entry and the fault; nothing is written."""
    gathered = Gathered(path)
    visit = visitor(gathered, options)
    try:
        content = load(path, visit)
    except UntrustedError:
        if not options.trust:
            raise
        gathered = Gathered(path)
        visit = visitor(gathered, options)
        content = load_trusted(path)
        if isinstance(content, dict) and isinstance(content.get("arch2infos"), dict):
            content["arch2infos"] = {key: visit(entry) for key, entry in content["arch2infos"].items()}
    check_index(content, path)
    _check_entries(content.get("arch2infos"), content.get("evaluated_indexes"), gathered)
    return gathered


def visitor(gathered: Gathered, options: ImportOptions) -> Visit:
    """Takes the numbers out of an entry, tells the progress, and leaves the architecture's number in its place."""

    def visit(entry: dict[Any, Any]) -> dict[Any, Any]:
        place = f"entry {len(gathered.place_of)} (counted from 0)"
        architecture = read_architecture(as_mapping(entry), f"{gathered.source.name}, {place}")
        gathered.add(architecture, place)
        if options.progress is not None:
            options.progress(len(gathered.place_of), N_ARCHITECTURES)
        return {"arch_index": architecture.number}

    return visit


def _check_entries(entries: object, evaluated: object, gathered: Gathered) -> None:
    """Refuse a file whose table of entries is not the one that was read."""
    name = gathered.source.name
    if not isinstance(entries, dict) or not entries:
        raise DataError(f"{name} holds no results ('arch2infos' is empty); import the archive that has them")
    for key, entry in entries.items():
        if not isinstance(entry, dict) or entry.get("arch_index") != key:
            raise DataError(
                f"{name}: the entry at number {key!r} holds no results, or those of another architecture; "
                "download it again"
            )
    listed = set(evaluated) if isinstance(evaluated, list | set | tuple) else set()
    if listed != set(entries):
        raise DataError(
            f"{name}: it lists {len(listed)} evaluated architectures and holds {len(entries)}; download it again"
        )
