"""What every importer of truth tables hands over, and the judgement that all sources share.

An importer reads one kind of file into ``SourceRows``: values keyed by architecture, each row with its place in the
source. It identifies; it does not judge. ``table_from_rows`` then checks architectures and values once for all kinds.
A new kind is one class with ``name``, ``recognises`` and ``read``, added to ``IMPORTERS``; one that reads gigabytes
has ``read_large`` too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError, HarnessError
from nasbench_harness.space import N_ARCHITECTURES, format_architecture
from nasbench_harness.truth.conventions import parse_any, parse_naslib
from nasbench_harness.truth.order import benchmark_index, benchmark_order
from nasbench_harness.truth.policy import TruthPolicy
from nasbench_harness.truth.table import TruthTable

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SourceRows:
    """The rows of a source in its own order.

    ``index_A``: int64 ``[n]``, our index of each row's architecture. ``columns``: name -> float64 ``[n]``, NaN where
    the source has no value. ``places``: where each row stands (``row 17``, ``entry '...'``), for error texts.
    ``meta``: JSON-able facts that only this kind of source knows. ``may_lack``: columns in which a missing value is a
    fact of the source, not a fault: an architecture that was not trained with that seed.
    """

    index_A: IntArray
    columns: Mapping[str, FloatArray]
    places: Sequence[str]
    meta: Mapping[str, Any]
    may_lack: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ImportOptions:
    """How to read a large source.

    ``partial``: architectures may be missing. ``trust``: where the safe reader refuses a file, load it by the official
    means, which run whatever code the file holds. ``progress``: receiver of (architectures done, of how many).
    ``cache``: folder for finished parts, from which an interrupted import goes on; None: none are kept.
    """

    partial: bool = False
    trust: bool = False
    progress: Callable[[int, int], None] | None = None
    cache: Path | None = None


class Importer(Protocol):
    """Reads one kind of source. ``name`` goes into the table's metadata."""

    name: str

    def recognises(self, path: Path) -> bool:
        """Whether ``path`` is of this kind; cheap, judged by name or first bytes, never by executing it."""

    def read(self, path: Path) -> SourceRows:
        """The rows of ``path``; ``DataError`` naming the row and the remedy when it is not what it claims to be."""


@runtime_checkable
class LargeImporter(Importer, Protocol):
    """Reads a source of gigabytes, architecture by architecture."""

    def read_large(self, path: Path, options: ImportOptions) -> SourceRows:
        """As ``read``, under the options."""


def table_from_rows(rows: SourceRows, source: Path, name: str, partial: bool, meta: Mapping[str, Any]) -> TruthTable:
    """Check the rows and lay them out by our index.

    Refused with the row and the remedy: an architecture twice, fewer than 15,625 (unless ``partial``), a missing value
    (unless ``partial``, or the source may lack it), infinity, an accuracy outside 0..100 in a column that a policy can
    address.
    """
    check_unique(rows, source)
    if not partial:
        check_complete(rows, source, "add its row, or import with --partial if the table is meant to be incomplete")
    columns: dict[str, FloatArray] = {}
    for column, values in rows.columns.items():
        _check_values(rows, source, column, values, partial or column in rows.may_lack)
        columns[column] = np.full(N_ARCHITECTURES, np.nan)
        columns[column][rows.index_A] = values
    others = [column for column in columns if TruthPolicy.parse(column) is None]
    lacking = sorted(column for column in rows.may_lack if np.isnan(columns[column]).any())
    facts = {"unit": "percent", "other_columns": others, "partial": partial or lacking or False, **rows.meta, **meta}
    return TruthTable(name, columns, benchmark_index(), facts)


def check_unique(rows: SourceRows, source: Path) -> None:
    """Refuse an architecture that stands in two rows."""
    first: dict[int, int] = {}
    for row, index in enumerate(rows.index_A.tolist()):
        if index in first:
            raise DataError(
                f"{source.name}, {rows.places[row]}: {format_architecture(index)} was already given in "
                f"{rows.places[first[index]]}; keep one of them"
            )
        first[index] = row


def check_complete(rows: SourceRows, source: Path, remedy: str) -> None:
    """Refuse a source that lacks an architecture, naming the first in the benchmark's order."""
    order = benchmark_order()
    missing = np.flatnonzero(~np.isin(order, rows.index_A))
    if len(missing):
        index = int(missing[0])
        raise DataError(
            f"{source.name}: {len(rows.index_A)} of {N_ARCHITECTURES} architectures; missing "
            f"{format_architecture(int(order[index]))} (benchmark index {index})"
            f"{f' and {len(missing) - 1} more' if len(missing) > 1 else ''}; {remedy}"
        )


def _check_values(rows: SourceRows, source: Path, column: str, values: FloatArray, partial: bool) -> None:
    bad = np.isinf(values) if partial else ~np.isfinite(values)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        what = "no value" if np.isnan(values[row]) else str(values[row])
        remedy = "fix it" if partial else "fix it, or import with --partial if missing values are meant"
        raise DataError(f"{source.name}, {rows.places[row]}, column '{column}': {what}; {remedy}")
    outside = (values < 0) | (values > 100)
    if outside.any() and TruthPolicy.parse(column) is not None:
        row = int(np.flatnonzero(outside)[0])
        raise DataError(
            f"{source.name}, {rows.places[row]}, column '{column}': {values[row]:g} is not an accuracy in percent "
            "(0 to 100); fix it, or rename the column if it is something else"
        )


def index_of_architecture(text: str, source: Path, place: str) -> int:
    """Our index of an architecture found in a source, as the benchmark's string or NASLib's tuple in parentheses.

    ``DataError`` naming the place and the fault.
    """
    try:
        return parse_any(text)
    except HarnessError as error:
        raise DataError(f"{source.name}, {place}: {error}") from error


def index_of_naslib(text: str, source: Path, place: str) -> int:
    """Our index of NASLib's operation numbers found in a column `naslib`; ``DataError`` naming the place and fault."""
    try:
        return parse_naslib(text)
    except HarnessError as error:
        raise DataError(f"{source.name}, {place}: {error}") from error


def index_of_benchmark_number(text: str, source: Path, place: str) -> int:
    """The benchmark index written as ``text``, checked to be 0..15624 (still the benchmark's number, not our index)."""
    if not (text.isascii() and text.isdigit()) or len(text.lstrip("0")) > 5 or int(text) >= N_ARCHITECTURES:
        raise DataError(
            f"{source.name}, {place}: '{text[:80]}' is not a benchmark index (0 to {N_ARCHITECTURES - 1}); "
            "fix it, or give the architecture strings in a column `arch`"
        )
    return int(text)


def check_same_architectures(index_A: IntArray, number_A: IntArray, places: Sequence[str], source: Path) -> None:
    """Refuse a source whose numbers contradict its strings.

    The numbers may be the benchmark's or our own index, one of them throughout: a mixture, or a number counted by
    some other rule, would sooner or later be taken for the benchmark's.
    """
    expected = benchmark_index()[index_A]
    wrong, wrong_ours = number_A != expected, number_A != index_A
    if wrong.any() and wrong_ours.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"{source.name}, {places[row]}: index {number_A[row]} is not the number of its architecture "
            f"{format_architecture(int(index_A[row]))} (benchmark index {expected[row]}); "
            "fix it, or remove the column `index`: the column `arch` is enough"
        )


def check_same_naslib(index_A: IntArray, naslib_A: IntArray, places: Sequence[str], source: Path) -> None:
    """Refuse a source whose column `naslib` contradicts its strings or numbers."""
    wrong = np.flatnonzero(index_A != naslib_A)
    if len(wrong):
        row = int(wrong[0])
        raise DataError(
            f"{source.name}, {places[row]}: `naslib` means {format_architecture(int(naslib_A[row]))}, the row's other "
            f"name {format_architecture(int(index_A[row]))}; NASLib orders operations and edges in its own way: "
            "fix it, or remove one of the columns"
        )
