"""Parquet read within bounds: so many rows and columns, values so long; what the reader's own faults raise is an error.

The reader is written in Rust: where it meets bytes that it did not expect it may give up by a panic, which reaches
Python as a ``BaseException`` that no ``except Exception`` catches.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nasbench_harness.system.parquet_bounds import LONGEST, MOST_COLUMNS, MOST_ROWS, check_promises

if TYPE_CHECKING:
    import polars


@contextmanager
def _stderr_closed() -> Iterator[None]:
    """Nothing is written to the error stream of the process: a panic prints its stack before it can be caught."""
    try:
        kept = os.dup(2)
    except OSError:  # there is none
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def read_frame(data: bytes) -> polars.DataFrame:
    """The table in the bytes of a Parquet file; ``ValueError`` in a few words where it is damaged or out of bounds."""
    import polars as pl

    check_promises(data)
    try:
        with _stderr_closed():
            width = len(pl.read_parquet_schema(io.BytesIO(data)))
            if width > MOST_COLUMNS:
                raise ValueError(f"it has {width:,} columns, more than {MOST_COLUMNS:,}")
            frame = pl.read_parquet(io.BytesIO(data), n_rows=MOST_ROWS + 1)
    except (ValueError, KeyboardInterrupt, MemoryError):
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        reason = " ".join((str(error).splitlines() or [""])[0].split())[:160]
        raise ValueError(reason or "unknown") from error
    if frame.height > MOST_ROWS:
        raise ValueError(f"it has more than {MOST_ROWS:,} rows, a table of architectures has 15,625 at most")
    for column in frame:
        longest = _longest(column)
        if longest is None:
            raise ValueError(f"column {column.name[:80]!r} holds {str(column.dtype)[:80]}, expected numbers or texts")
        if longest > LONGEST:
            raise ValueError(f"column {column.name[:80]!r} holds a value of {longest:,} parts, more than {LONGEST:,}")
    return frame


def _longest(column: polars.Series) -> int | None:
    """Bytes of the longest text, or members of the longest list, 1 of numbers and times; None for all else."""
    import polars as pl

    kind = column.dtype
    if isinstance(kind, pl.Array) and kind.inner.is_numeric():
        return kind.size
    if kind == pl.String:
        length = column.str.len_bytes().max()
    elif isinstance(kind, pl.Categorical | pl.Enum):
        length = column.cat.len_bytes().max()
    elif kind == pl.Binary:
        length = column.bin.size().max()
    elif isinstance(kind, pl.List) and kind.inner.is_numeric():
        length = column.list.len().max()
    else:
        return 1 if kind.is_numeric() or kind.is_temporal() or kind in (pl.Boolean, pl.Null) else None
    return length if isinstance(length, int) else 0
