"""Scores of every architecture, as arrays and as a Parquet file; the truth is never among them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench_harness.errors import DataError
from nasbench_harness.records.digests import check_scores
from nasbench_harness.system.frames import read_frame
from nasbench_harness.system.reading import read_file, read_json, why

RECORD_FILE, SCORES_FILE = "record.json", "scores.parquet"
_KEYS = ("index", "arch", "leaf")


@dataclass(frozen=True)
class ScoreTable:
    """Scores by architecture, higher is better; accuracy in percent.

    ``index``: int32 [A], our index of the architecture, strictly increasing. ``leaf``: int16 [A], number of the leaf
    of the partition that scored it, -1 where none did. ``scores``: signal name -> float32 [A]. A is 15,625, or what
    ``scoring.architectures`` says. Raises ``DataError`` for unequal lengths, repeated architectures, NaN or no signal.
    """

    index: NDArray[np.int32]
    leaf: NDArray[np.int16]
    scores: dict[str, NDArray[np.float32]]

    def __post_init__(self) -> None:
        if not self.scores:
            raise DataError("a score table needs at least one signal, found none")
        if self.index.ndim != 1 or (np.diff(self.index) <= 0).any():
            raise DataError("a score table needs its architectures once each, in the order of their index")
        columns: dict[str, NDArray[Any]] = {"leaf": self.leaf, **self.scores}
        for name, column in columns.items():
            if name in ("index", "arch"):
                raise DataError(f"a signal cannot be called {name!r}: that column is taken")
            if column.shape != self.index.shape:
                raise DataError(f"score column {name!r}: expected {self.index.shape[0]} rows, found {column.shape}")
            if not np.isfinite(column).all():
                place = int(self.index[~np.isfinite(column)][0])
                raise DataError(f"score column {name!r}: not a finite number at architecture {place}")

    def rows_of(self, index_N: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of architectures by our index, ``[N]``; ``DataError`` naming the first that has no score."""
        rows = np.searchsorted(self.index, index_N)
        found = self.index[np.minimum(rows, len(self.index) - 1)] == index_N
        if not found.all():
            raise DataError(f"a score table has no score of architecture {int(index_N[~found][0])}")
        return rows

    def to_parquet(self) -> bytes:
        """The table as a Parquet file: index, arch (the benchmark's string), leaf, then one column a signal."""
        import polars as pl

        from nasbench_harness.space import all_strings

        names = all_strings()
        if self.index.size and not 0 <= int(self.index[0]) <= int(self.index[-1]) < len(names):
            raise DataError(f"score table: architecture index outside 0..{len(names) - 1}")
        columns: dict[str, Any] = {
            "index": self.index.astype(np.int32),
            "arch": [names[place] for place in self.index.tolist()],
            "leaf": self.leaf.astype(np.int16),
        }
        columns |= {name: column.astype(np.float32) for name, column in self.scores.items()}
        stream = io.BytesIO()
        pl.DataFrame(columns).write_parquet(stream, compression="zstd")
        return stream.getvalue()


def read_score_bytes(path: Path, checked: bool = True) -> bytes:
    """The content of a unit's score file; ``DataError`` where it is missing or not what the record beside it says."""
    try:
        data = read_file(path)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; run the unit again") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({why(error)}); run the unit again") from error
    if not checked:
        return data
    try:
        value = read_json(path.with_name(RECORD_FILE))
    except FileNotFoundError:
        return data  # scores alone, as a run that was interrupted leaves them
    except (OSError, ValueError) as error:
        raise DataError(f"{path.with_name(RECORD_FILE)}: cannot be read ({why(error)}); run the unit again") from error
    check_scores(data, value, path)
    return data


def read_scores(unit: Path | str, checked: bool = True) -> ScoreTable:
    """The score table in a unit's folder; with ``checked`` false, as only checks want it, whatever its digest.

    Raises ``DataError`` naming the file when it is missing, not the one that the record beside it was written with,
    damaged, or its strings contradict its indices.
    """
    from nasbench_harness.space import all_strings

    path = Path(unit) / SCORES_FILE
    data = read_score_bytes(path, checked)
    try:
        frame = read_frame(data)
    except ValueError as error:
        raise DataError(f"{path}: cannot be read as Parquet ({error}); run the unit again") from error
    if missing := [name for name in _KEYS if name not in frame.columns]:
        raise DataError(f"{path}: the column {missing[0]!r} is missing; run the unit again")
    names = all_strings()
    index = frame["index"].to_numpy()
    known = index.size == 0 or (int(index.min()) >= 0 and int(index.max()) < len(names))
    if not known or [names[place] for place in index.tolist()] != frame["arch"].to_list():
        raise DataError(f"{path}: the columns index and arch name different architectures; run the unit again")
    signals = [name for name in frame.columns if name not in _KEYS]
    try:
        return ScoreTable(
            index=index.astype(np.int32),
            leaf=frame["leaf"].to_numpy().astype(np.int16),
            scores={name: frame[name].to_numpy().astype(np.float32) for name in signals},
        )
    except DataError as error:
        raise DataError(f"{path}: {error}; run the unit again") from error
