"""A truth table from an API object that is open already, of nats_bench or of nas-bench-201; neither is imported."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.space import N_ARCHITECTURES
from nasbench_harness.truth.importers import Progress, import_table, name_of
from nasbench_harness.truth.importers.base import check_complete, table_from_rows
from nasbench_harness.truth.importers.official.load import check_name
from nasbench_harness.truth.importers.official.rows import Gathered, check_index
from nasbench_harness.truth.importers.official.values import as_mapping, read_architecture
from nasbench_harness.truth.table import TruthTable


def truth_from(
    api: Any, name: str | None = None, partial: bool = False, progress: Progress | None = None
) -> TruthTable:
    """The table that an opened API holds, with the columns that ``import_table`` gives for the same archive.

    ``api``: ``NATStopology``, as ``nats_bench.create(..., "tss")`` opens it, or ``NASBench201API`` of ``nas_201_api``.
    One in fast mode keeps its results on disk: its directory is read as ``import_table`` reads it, and the object
    stays as it is. Any other holds its results in memory, and no file is needed.

    ``name`` defaults to that of the archive, ``partial`` declares that architectures may be missing, ``progress``
    receives (done, total) architectures. Raises ``UsageError`` for an object that is no such API, ``DataError`` for
    one of another search space, with damaged results, or without some architecture (unless ``partial``).
    """
    kind, strings, results = type(api).__name__, getattr(api, "meta_archs", None), getattr(api, "arch2infos_dict", None)
    if not isinstance(strings, list) or not isinstance(results, Mapping):
        raise UsageError(
            f"truth_from needs an opened API of nats_bench or nas-bench-201, found {kind}; open one with "
            'nats_bench.create(PATH, "tss"), or read the archive itself with import_table(PATH)'
        )
    filename = getattr(api, "filename", None) or kind
    source = Path(filename)
    if getattr(api, "fast_mode", False) and getattr(api, "archive_dir", None) is not None:
        return import_table(api.archive_dir, name, partial, progress=progress)
    check_index({"meta_archs": strings}, source)
    if not results:
        raise DataError(f"{source.name} holds no results; open an archive that has them, or use fast_mode=True")
    gathered = Gathered(source)
    for number, entry in results.items():
        place = f"architecture {number}"
        architecture = read_architecture(as_mapping(entry), f"{source.name}, {place}")
        if architecture.number != number:
            raise DataError(
                f"{source.name}, {place}: it holds the results of architecture {architecture.number}; open it again"
            )
        gathered.add(architecture, place)
        if progress is not None:
            progress(len(gathered.place_of), N_ARCHITECTURES)
    benchmark = "NATS-Bench topology" if hasattr(api, "search_space_name") else "NAS-Bench-201"
    rows = gathered.rows({"benchmark": benchmark, "version": check_name(source)})
    if not partial:
        remedy = "open the whole archive, or give partial=True if the table is meant to be incomplete"
        check_complete(rows, source, remedy)
    meta = {"source": source.name, "importer": f"opened API ({kind})"}
    return table_from_rows(rows, source, name or name_of(source), partial, meta)
