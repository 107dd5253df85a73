"""The rules for a column of a truth table."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError
from nasbench_harness.space import N_ARCHITECTURES, format_architecture
from nasbench_harness.system.column_file import sealed

FloatArray = npt.NDArray[np.float64]


def declared_partial(meta: dict[str, Any], column: str) -> bool:
    """Whether the metadata of a table declares that values of a column may be missing."""
    declared = meta.get("partial", False)
    return column in declared if isinstance(declared, list) else bool(declared)


def checked_column(table: str, meta: dict[str, Any], name: str, values: FloatArray) -> FloatArray:
    """A read-only copy of a column of the named table; ``DataError`` where it breaks the rules of a table."""
    column = np.array(values, dtype=np.float64) + 0.0  # a copy of our own; -0.0 becomes 0.0
    if column.shape != (N_ARCHITECTURES,):
        raise DataError(
            f"truth table '{table}', column '{name}': expected {N_ARCHITECTURES} rows, found {len(values)}; "
            "a table holds every architecture, missing values as a declared NaN"
        )
    missing = np.isnan(column)
    if np.isinf(column).any() or (missing.any() and not declared_partial(meta, name)):
        row = int(np.flatnonzero(~np.isfinite(column))[0])
        raise DataError(
            f"truth table '{table}', column '{name}': {column[row]} at {format_architecture(row)}; "
            "fix the value, or declare the table partial if it is missing"
        )
    return sealed(column)
