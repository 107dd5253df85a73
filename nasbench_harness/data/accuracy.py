"""The published accuracy table of NAS-Bench-201 (``nats_bench.csv``) as a compact table with our column names.

Its columns, read from a stored copy of the pinned version: ``CIFAR10TestAccuracy200Epochs`` and two more like it,
``ArchitectureString``, ``UniqueString``; row = the benchmark's index. ``ImageNet`` there is ImageNet16-120. Values are
means over every seed, in percent, with the noise of float32 in their last digits, which would split ties: they are
rounded to six decimals.
"""

from __future__ import annotations

import csv
import hashlib
import io
from pathlib import Path

import numpy as np

from nasbench_harness.errors import DataError
from nasbench_harness.system.reading import MOST_BYTES, open_file, why
from nasbench_harness.truth.importers.base import SourceRows, index_of_architecture, table_from_rows
from nasbench_harness.truth.order import benchmark_order
from nasbench_harness.truth.table import TruthTable

COLUMNS = {
    "cifar10_test_200": "CIFAR10TestAccuracy200Epochs",
    "cifar100_test_200": "CIFAR100TestAccuracy200Epochs",
    "imagenet16_120_test_200": "ImageNetTestAccuracy200Epochs",
}
ARCHITECTURE = "ArchitectureString"
NAME = "nas-bench-201"
DECIMALS = 6


def read_published(source: Path, origin: str) -> TruthTable:
    """The table of the published file; ``origin`` (its address) goes into the metadata.

    Raises ``DataError`` naming what is missing when its columns are others, and row and remedy for a faulty row.
    """
    try:
        with io.TextIOWrapper(open_file(source, MOST_BYTES), encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            _check_columns(source, reader.fieldnames or [])
            lines = list(reader)
        digest = hashlib.sha256(source.read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(f"cannot read {source}: {why(error)}; fetch it again") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{source.name} is not a CSV file in UTF-8 ({error}); fetch it again") from error
    places = [f"row {number}" for number in range(2, len(lines) + 2)]
    found = (
        index_of_architecture(line[ARCHITECTURE] or "", source, at) for line, at in zip(lines, places, strict=True)
    )
    index_A = np.fromiter(found, np.int64, len(lines))
    columns = {
        ours: np.array([_percent(source, line[theirs], at) for line, at in zip(lines, places, strict=True)])
        for ours, theirs in COLUMNS.items()
    }
    meta = {
        "source": source.name,
        "source_sha256": digest,
        "origin": origin,
        "importer": "published accuracy table",
        "licence": "none stated",
        "seeds": "mean over every seed that exists",
        "rounded_to_decimals": DECIMALS,
    }
    table = table_from_rows(SourceRows(index_A, columns, places, {}), source, NAME, False, meta)
    out_of_order = np.flatnonzero(index_A != benchmark_order())
    if len(out_of_order):
        raise DataError(
            f"{source.name}, {places[out_of_order[0]]}: the rows do not stand in the benchmark's order, so it is not "
            "the published file; fetch it again"
        )
    return table


def _check_columns(source: Path, header: object) -> None:
    names = list(header) if isinstance(header, list | tuple) else []
    missing = [name for name in (*COLUMNS.values(), ARCHITECTURE) if name not in names]
    if missing:
        raise DataError(
            f"{source.name} lacks the columns {', '.join(missing)}; found {', '.join(map(str, names[:8])) or 'none'}. "
            "If it is a table of your own, use `nasbench-harness truth import`"
        )


def _percent(source: Path, text: str | None, place: str) -> float:
    try:
        return round(float(text or ""), DECIMALS)
    except ValueError as error:
        raise DataError(f"{source.name}, {place}: {text!r} is not a number; fetch it again") from error
