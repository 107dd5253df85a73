"""One way to get a table from whatever the user names: nothing, a table file, or a source to import."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.truth.embedded import embedded_table
from nasbench_harness.truth.importers import import_table, importer_for
from nasbench_harness.truth.importers.base import LargeImporter
from nasbench_harness.truth.table import TruthTable

EMBEDDED_IMAGES = "digits"
"""The image set of the embedded table."""


def open_table(path: Path | str | None = None) -> TruthTable:
    """The embedded table (None), a stored table (``.npz``), or a complete CSV or JSON source read on the spot.

    Raises ``DataError`` as ``TruthTable.open`` and ``import_table`` do.
    """
    if path is None:
        return embedded_table()
    path = Path(path)
    renamed = path.is_file() and path.suffix != ".pth" and zipfile.is_zipfile(path)  # a .pth may be a zip file too
    if path.suffix == ".npz" or renamed or not path.exists():
        return TruthTable.open(path)
    if isinstance(importer_for(path), LargeImporter):
        raise DataError(
            f"{path.name} is an official file that takes minutes to read; turn it into a table once by "
            f"'nasbench-harness truth import {path} --to TABLE.npz', then name that table"
        )
    return import_table(path)


def judging_table(
    path: Path | str | None, policy: str | None = None, images: Iterable[str | None] = (None,)
) -> TruthTable:
    """The table that judges scores: the named one, or the embedded one for scores of its own images or by its policy.

    ``images``: the image sets of the scores, None where it is not known. Raises ``UsageError`` where no table is named
    and the embedded one is not meant: it would give numbers all the same, but of other images. ``DataError`` as
    ``open_table``.
    """
    if path is not None:
        return open_table(path)
    found = set(images)
    table = embedded_table()
    named = policy in table.columns
    if named or (policy is None and found == {EMBEDDED_IMAGES}):
        return table
    other = sorted(name for name in found if name not in (None, EMBEDDED_IMAGES))
    of = f"scores of {', '.join(map(str, other))}" if other else "these scores"
    what = f"the embedded one has no column '{policy}'" if policy else f"the embedded one is of {EMBEDDED_IMAGES}"
    raise UsageError(
        f"no truth for {of}: {what}; give --truth FILE (a table, or CSV or JSON to read as one), or "
        f"--policy {next(iter(table.columns))} to judge by the embedded table"
    )
