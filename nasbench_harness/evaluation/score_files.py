"""Score files made by anyone: CSV, JSON, or the harness's own ``scores.parquet``, read into arrays.

CSV: a header with `arch` (string), `index` (the benchmark's index) or `naslib` (NASLib's six operation numbers), and
one or more numeric score columns.
JSON: ``{architecture: score}`` (the column is then called ``score``) or ``{architecture: {column: score}}``.
Parquet: the file of a record, or any with `arch` or `naslib`. A column `leaf` (of a partition) is never a score.
Higher scores are better. A column may hold a truth of its own instead: ``truth_from_column`` takes it out.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.records.scores import SCORES_FILE, read_score_bytes
from nasbench_harness.space import format_architecture
from nasbench_harness.system.files import write_atomically, write_json, write_text
from nasbench_harness.truth.importers.base import SourceRows, check_complete, check_unique
from nasbench_harness.truth.importers.csv_file import CsvImporter
from nasbench_harness.truth.importers.json_file import SINGLE_COLUMN, JsonImporter
from nasbench_harness.truth.importers.parquet_file import ParquetImporter
from nasbench_harness.truth.order import benchmark_index
from nasbench_harness.truth.policy import Truth

SINGLE_SCORE = "score"
_LEAF = "leaf"

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ScoreFile:
    """Scores by architecture, in ascending order of our index.

    ``names``: score columns, S of them. ``index_A``: int64 ``[n]``, our indices, unique. ``scores_SA``: float64
    ``[S, n]``, finite. ``source``: the file's name. ``sha256``: of its bytes.
    """

    names: tuple[str, ...]
    index_A: IntArray
    scores_SA: FloatArray
    source: str
    sha256: str

    @property
    def n(self) -> int:
        """Number of architectures."""
        return len(self.index_A)

    def score(self, name: str) -> FloatArray:
        """One score column ``[n]``; ``DataError`` naming those that exist if there is no such column."""
        if name not in self.names:
            raise DataError(f"{self.source} has no score column '{name}'; it has {', '.join(self.names)}")
        score_A: FloatArray = self.scores_SA[self.names.index(name)]
        return score_A

    def without(self, name: str) -> ScoreFile:
        """The file with one column taken out; ``DataError`` if none would be left."""
        kept = [row for row, known in enumerate(self.names) if known != name]
        if not kept:
            raise DataError(f"{self.source} has no score column beside '{name}'; add at least one")
        return replace(self, names=tuple(self.names[row] for row in kept), scores_SA=self.scores_SA[kept])


def read_score_file(path: Path | str, allow_missing: bool = False) -> ScoreFile:
    """Read a score file whole.

    Raises ``DataError`` naming row and remedy for an unknown or repeated architecture, a score that is missing, NaN or
    infinite, a file without score column, and (unless ``allow_missing``; n then says so) for missing architectures.
    """
    path = Path(path)
    if path.name == SCORES_FILE and path.is_file():
        read_score_bytes(path)  # of a unit: as its record says they are
    return scores_of(_read_rows(path), path, hashlib.sha256(path.read_bytes()).hexdigest(), allow_missing)


def scores_of(rows: SourceRows, path: Path, sha256: str, allow_missing: bool = False) -> ScoreFile:
    """The scores in rows that came from anywhere; ``path`` names their source. Raises ``DataError`` as above."""
    rows = replace(rows, columns={name: values for name, values in rows.columns.items() if name != _LEAF})
    if not rows.columns:
        raise DataError(f"{path.name} has no score column beside its architectures; add at least one")
    check_unique(rows, path)
    if not allow_missing:
        check_complete(rows, path, "add the missing scores, or allow missing architectures by --allow-missing")
    for column, values in rows.columns.items():
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            row = int(bad[0])
            raise DataError(
                f"{path.name}, {rows.places[row]}, column '{column}': {values[row]} is not a score "
                f"({format_architecture(int(rows.index_A[row]))}); give a finite number, or remove the row or column"
            )
    ascending = np.argsort(rows.index_A)
    scores_SA = np.stack([values[ascending] for values in rows.columns.values()])
    return ScoreFile(tuple(rows.columns), rows.index_A[ascending], scores_SA, path.name, sha256)


def truth_from_column(scores: ScoreFile, name: str) -> tuple[Truth, ScoreFile]:
    """A column of the score file as the truth, and the file without it, so that the truth is not scored.

    The truth's ``table`` is the file, its chance accuracy is not known.
    """
    truth = Truth(scores.score(name), scores.index_A, name, scores.source, scores.sha256, None)
    return truth, scores.without(name)


def write_score_file(scores: ScoreFile, path: Path | str) -> None:
    """Store scores as a file that ``read_score_file`` reads: CSV, JSON or Parquet by the ending of its name.

    Raises ``UsageError`` for another ending and for a place that cannot be written.
    """
    path = Path(path)
    check_score_path(path)
    names = [format_architecture(index) for index in scores.index_A.tolist()]
    if path.suffix.lower() == ".csv":
        rows = (",".join([name, *map(repr, row)]) for name, row in zip(names, scores.scores_SA.T.tolist(), strict=True))
        write_text(path, "\n".join([",".join(["arch", *scores.names]), *rows]) + "\n")
    elif path.suffix.lower() == ".json":
        rows_AS = scores.scores_SA.T.tolist()
        write_json(path, {n: dict(zip(scores.names, r, strict=True)) for n, r in zip(names, rows_AS, strict=True)})
    else:
        import polars as pl

        columns = dict(zip(scores.names, scores.scores_SA, strict=True))
        stream = io.BytesIO()
        pl.DataFrame({"index": scores.index_A, "arch": names, **columns}).write_parquet(stream, compression="zstd")
        write_atomically(path, lambda file: file.write(stream.getvalue()))


def check_score_path(path: Path) -> None:
    """``UsageError`` for a file name whose ending is of no kind that holds scores."""
    if path.suffix.lower() not in (".csv", ".json", ".parquet"):
        raise UsageError(f"scores are stored as .csv, .json or .parquet, not as {path.name}; name such a file")


def align(scores: ScoreFile, truth: Truth) -> tuple[FloatArray, FloatArray, IntArray]:
    """What both know: scores ``[S, n]``, true values ``[n]`` and our indices ``[n]``, in the benchmark's order.

    That order is the fixed one in which top-k metrics resolve ties. Unlike ours it is shuffled, so ties of a coarse
    score do not favour the operations that are listed last or first.

    Raises ``DataError`` when they share fewer than two architectures.
    """
    common, of_scores, of_truth = np.intersect1d(scores.index_A, truth.index_A, assume_unique=True, return_indices=True)
    if len(common) < 2:
        raise DataError(
            f"{scores.source} and truth '{truth.policy}' of {truth.table} share {len(common)} architectures; "
            "at least 2 are needed"
        )
    shuffled = np.argsort(benchmark_index()[common])
    return scores.scores_SA[:, of_scores[shuffled]], truth.accuracy_A[of_truth[shuffled]], common[shuffled]


def _read_rows(path: Path) -> SourceRows:
    kind = path.suffix.lower()
    if not path.is_file():
        raise DataError(f"no score file at {path}; check the path")
    if kind == ".csv":
        return CsvImporter().read(path)
    if kind == ".json":
        rows = JsonImporter().read(path)
        names = [SINGLE_SCORE if column == SINGLE_COLUMN else column for column in rows.columns]
        return replace(rows, columns=dict(zip(names, rows.columns.values(), strict=True)))
    if kind == ".parquet":
        return ParquetImporter().read(path)
    raise DataError(f"{path.name} is of no kind that holds scores (.csv, .json, .parquet); export it as one of them")
