"""Parquet: a column ``arch`` of architecture strings, and numeric columns; null is a missing value.

A column ``index`` (the benchmark's index) may stand beside ``arch`` and must then agree with it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nasbench_harness.errors import DataError
from nasbench_harness.truth.importers.base import SourceRows, check_same_architectures, index_of_architecture

IDENTITY = ("arch", "index")


class ParquetImporter:
    """Reads what ``truth export`` writes, and any file like it."""

    name = "parquet"

    def recognises(self, path: Path) -> bool:
        return path.suffix.lower() == ".parquet"

    def read(self, path: Path) -> SourceRows:
        import polars as pl

        try:
            frame = pl.read_parquet(path)
        except (pl.exceptions.PolarsError, OSError) as error:
            first = " ".join(str(error).split())[:160]
            raise DataError(f"{path.name} is not a whole Parquet file ({first}); export it again") from error
        names = [name for name in frame.columns if name not in IDENTITY]
        if "arch" not in frame.columns or not names or not frame.height:
            raise DataError(
                f"{path.name}: expected rows with a column `arch` of architecture strings and numeric columns, found "
                f"{frame.height} rows of {', '.join(frame.columns[:8]) or 'nothing'}; export it again"
            )
        for name in (*names, *(["index"] if "index" in frame.columns else [])):
            if not frame[name].dtype.is_numeric():
                raise DataError(f"{path.name}, column '{name}': {frame[name].dtype} is not numeric; remove the column")
        places = [f"row {row}" for row in range(1, frame.height + 1)]
        texts = zip(frame["arch"].cast(pl.String).to_list(), places, strict=True)
        index_A = np.array([index_of_architecture(text or "", path, place) for text, place in texts], dtype=np.int64)
        if "index" in frame.columns:
            number_A = frame["index"].cast(pl.Int64, strict=False).fill_null(-1).to_numpy()
            check_same_architectures(index_A, number_A, places, path)
        columns = {name: frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() for name in names}
        return SourceRows(index_A, columns, places, {})
