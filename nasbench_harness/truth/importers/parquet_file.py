"""Parquet: a column ``arch`` of architecture strings or ``naslib``, and numeric columns; null is a missing value.

`naslib` holds NASLib's six operation numbers, as text or as lists. A column ``index`` (the benchmark's index or ours)
may stand beside them and must then agree, as `arch` and `naslib` must; alone it says too little: the harness's own
files number by our index, others by the benchmark's.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nasbench_harness.errors import DataError
from nasbench_harness.system.frames import read_frame
from nasbench_harness.system.reading import read_file, why
from nasbench_harness.truth.importers.base import (
    IntArray,
    SourceRows,
    check_same_architectures,
    check_same_naslib,
    index_of_architecture,
    index_of_naslib,
)

if TYPE_CHECKING:
    import polars

IDENTITY = ("arch", "index", "naslib")


class ParquetImporter:
    """Reads what ``truth export`` writes, and any file like it."""

    name = "parquet"

    def recognises(self, path: Path) -> bool:
        return path.suffix.lower() == ".parquet"

    def read(self, path: Path) -> SourceRows:
        try:
            frame = read_frame(read_file(path))
        except OSError as error:
            raise DataError(f"cannot read {path}: {why(error)}; check the path") from error
        except ValueError as error:
            raise DataError(f"{path.name} cannot be read as Parquet ({why(error)}); export it again") from error
        return rows_of_frame(frame, path)


def rows_of_frame(frame: polars.DataFrame, path: Path) -> SourceRows:
    """The rows of a data frame with these columns; ``path`` names it in errors. Raises ``DataError``."""
    import polars as pl

    names = [name for name in frame.columns if name not in IDENTITY]
    if not {"arch", "naslib"} & set(frame.columns):
        raise DataError(
            f"{path.name} has no column `arch` with architecture strings, nor `naslib`, found "
            f"{', '.join(frame.columns[:8]) or 'nothing'}; add one"
        )
    if not names:
        raise DataError(f"{path.name} has no column of values beside {' and '.join(frame.columns)}; add at least one")
    if not frame.height:
        raise DataError(f"{path.name} has columns but no rows; export it again")
    for name in (*names, *(["index"] if "index" in frame.columns else [])):
        if not frame[name].dtype.is_numeric():
            raise DataError(f"{path.name}, column '{name}': {frame[name].dtype} is not numeric; remove the column")
    places = [f"row {row}" for row in range(1, frame.height + 1)]
    index_A = _architectures(frame, path, places)
    if "index" in frame.columns:
        number_A = frame["index"].cast(pl.Int64, strict=False).fill_null(-1).to_numpy()
        check_same_architectures(index_A, number_A, places, path)
    columns = {name: frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() for name in names}
    return SourceRows(index_A, columns, places, {})


def _architectures(frame: polars.DataFrame, path: Path, places: list[str]) -> IntArray:
    """Our index of each row, by either name or by both, which must agree."""
    found = []
    for column, identify in (("arch", index_of_architecture), ("naslib", index_of_naslib)):
        if column in frame.columns:
            texts = zip(_texts(frame[column]), places, strict=True)
            found.append(np.array([identify(text, path, place) for text, place in texts], dtype=np.int64))
    if len(found) == 2:
        check_same_naslib(found[0], found[1], places, path)
    return found[0]


def _texts(column: polars.Series) -> list[str]:
    """Values as text, lists of numbers with commas; nothing where a value is missing."""
    import polars as pl

    if isinstance(column.dtype, pl.List | pl.Array):
        return [", ".join(str(number) for number in value or []) for value in column.to_list()]
    if column.dtype == pl.String:
        return [text or "" for text in column.to_list()]
    return [str(value)[:80] for value in column.to_list()]
