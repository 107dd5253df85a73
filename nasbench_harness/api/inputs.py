"""What a notebook has at hand, as the harness needs it: scores and truths from arrays, mappings, data frames, files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.data.truths import table_for
from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.evaluation.score_files import ScoreFile, read_score_file, scores_of
from nasbench_harness.space import N_ARCHITECTURES, all_strings
from nasbench_harness.truth import Truth, TruthPolicy, TruthTable, benchmark_order, truth_of
from nasbench_harness.truth.conventions import parse_any
from nasbench_harness.truth.importers.base import SourceRows
from nasbench_harness.truth.importers.parquet_file import rows_of_frame

if TYPE_CHECKING:
    import polars

FloatArray = npt.NDArray[np.float64]

COLUMNS_BESIDE_SCORES = ("benchmark_index", "truth")
"""Columns of ``Run.scores`` that are no scores; ``leaf`` and the names of the architecture are known everywhere."""


def as_scores(scores: Any, allow_missing: bool = False) -> ScoreFile:
    """Scores from a file's path, an array ``[15625]`` by our index, a mapping, or a data frame (polars, pandas).

    A mapping is {architecture string: score}, or {column: array ``[15625]``}. A data frame names architectures by a
    column ``arch`` (or ``naslib``, or ``benchmark_index``) and has one or more columns of scores. Raises ``DataError``
    for an unknown or repeated architecture, a score that is not finite, and, unless ``allow_missing``, for
    architectures without a score (in an array: NaN); ``UsageError`` for a value of another kind.
    """
    if isinstance(scores, ScoreFile):
        return scores
    if isinstance(scores, str | Path):
        return read_score_file(scores, allow_missing)
    if hasattr(scores, "columns"):
        rows, source = rows_of_frame(_frame(scores), Path("data frame")), "data frame"
    elif isinstance(scores, Mapping):
        rows, source = _rows_of_mapping(scores), "mapping"
    else:
        rows, source = _rows_of_arrays({"score": scores}), "array"
    if allow_missing:
        rows = _known(rows)
    return scores_of(rows, Path(source), _digest(rows), allow_missing)


def as_truth(truth: Any, policy: str | None = None) -> tuple[Truth, TruthTable | None]:
    """A truth, and the table that it comes from where there is one.

    ``truth``: the name of a column such as ``cifar10_test_200`` (of the fetched or the embedded table), a table, its
    file or an opened API (whose column ``policy`` is taken; the only one needs no name), an array ``[15625]`` by our
    index with NaN where nothing is known, or a mapping or data frame as for scores. Raises ``DataError`` for a missing
    table, column or value, ``UsageError`` for several columns and no ``policy``.
    """
    if isinstance(truth, Truth):
        return truth, None
    if isinstance(truth, str) and TruthPolicy.parse(truth) and not Path(truth).exists():
        table = table_for(truth, None)
        return truth_of(table, truth), table
    if isinstance(truth, str | Path | TruthTable) or hasattr(truth, "meta_archs"):
        table = table_for(None, truth)
        return truth_of(table, policy or _only(list(table.columns), table.name)), table
    values = as_scores(truth, allow_missing=True)
    name = policy or _only(list(values.names), f"the {values.source}")
    truth_A = by_index(values, name)
    index_A = benchmark_order()[~np.isnan(truth_A[benchmark_order()])]
    return Truth(truth_A[index_A], index_A, name, values.source, values.sha256, None), None


def by_index(scores: ScoreFile, column: str | None = None) -> FloatArray:
    """One score column by our index, float64 ``[15625]``, NaN where there is no score; the only one needs no name."""
    score_A = np.full(N_ARCHITECTURES, np.nan)
    score_A[scores.index_A] = scores.score(column or _only(list(scores.names), scores.source, "column"))
    return score_A


def _only(names: list[str], source: str, option: str = "policy") -> str:
    if len(names) > 1:
        raise UsageError(f"{source} has several columns; choose one by {option}=..., such as {', '.join(names[:5])}")
    return names[0]


def _frame(frame: Any) -> polars.DataFrame:
    """Any data frame as polars', without the columns that are no scores, with ``arch`` if it has the benchmark's."""
    import polars as pl

    if isinstance(frame, pl.DataFrame):
        made = frame
    else:
        columns = {str(name): frame[name].to_numpy() for name in frame.columns}
        made = pl.DataFrame({name: list(v) if v.dtype.kind == "O" else v for name, v in columns.items()})
    if "benchmark_index" in made.columns and not {"arch", "naslib"} & set(made.columns):
        number_A = made["benchmark_index"].to_numpy()
        if number_A.dtype.kind not in "iu" or ((number_A < 0) | (number_A >= N_ARCHITECTURES)).any():
            raise DataError(f"data frame: benchmark_index must hold whole numbers from 0 to {N_ARCHITECTURES - 1}")
        names = all_strings()
        made = made.with_columns(arch=pl.Series([names[index] for index in benchmark_order()[number_A].tolist()]))
    return made.drop(COLUMNS_BESIDE_SCORES, strict=False)


def _rows_of_mapping(values: Mapping[Any, Any]) -> SourceRows:
    if values and all(np.ndim(value) == 1 for value in values.values()):
        return _rows_of_arrays(values)
    places = [f"entry {key!r}" for key in values]
    index_A = np.array([parse_any(str(key)) for key in values], dtype=np.int64)
    return SourceRows(index_A, {"score": _numbers("mapping", list(values.values()))}, places, {})


def _rows_of_arrays(columns: Mapping[Any, Any]) -> SourceRows:
    places = [f"index {index}" for index in range(N_ARCHITECTURES)]
    found = {str(name): _numbers(f"scores {str(name)!r}", values) for name, values in columns.items()}
    for name, values in found.items():
        if values.shape != (N_ARCHITECTURES,):
            raise DataError(
                f"scores {name!r}: expected an array of {N_ARCHITECTURES} numbers, one for each architecture by our "
                f"index, found shape {values.shape}; for fewer architectures give a mapping {{string: score}}"
            )
    return SourceRows(np.arange(N_ARCHITECTURES), found, places, {})


def _numbers(what: str, values: Any) -> FloatArray:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"{what}: {type(values).__name__} does not hold numbers ({error}); give a file, an array, "
            "a mapping {architecture: score} or a data frame"
        ) from error


def _known(rows: SourceRows) -> SourceRows:
    """The rows that have a value in every column."""
    known = np.ones(len(rows.places), dtype=np.bool_)
    for values in rows.columns.values():
        known &= ~np.isnan(values)
    columns = {name: values[known] for name, values in rows.columns.items()}
    places = [place for place, kept in zip(rows.places, known.tolist(), strict=True) if kept]
    return SourceRows(rows.index_A[known], columns, places, rows.meta)


def _digest(rows: SourceRows) -> str:
    digest = hashlib.sha256(rows.index_A.astype("<i8").tobytes())
    for name, values in rows.columns.items():
        digest.update(f"{name}\n".encode() + values.astype("<f8").tobytes())
    return digest.hexdigest()
