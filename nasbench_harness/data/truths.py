"""The truth table that holds a policy, and the one call that gives a whole truth as a vector."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from nasbench_harness.data import default_truth
from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.space import N_ARCHITECTURES
from nasbench_harness.truth import open_table, truth_from
from nasbench_harness.truth.order import benchmark_order
from nasbench_harness.truth.policy import truth_of
from nasbench_harness.truth.table import TruthTable


def truth_vector(
    policy: str,
    table: TruthTable | Path | str | Any = None,
    *,
    order: Literal["index", "benchmark"] = "index",
    allow_missing: bool = False,
) -> npt.NDArray[np.float64]:
    """One column of a truth table for all architectures: float64 ``[15625]``, accuracies in percent.

    ``policy``: the column, such as ``cifar10_test_200``. ``table``: a table, CSV or JSON file, a table that is open, or
    an opened API (see ``truth_from``); None: the fetched NAS-Bench-201 table for its columns, else the embedded table.
    ``order``: row = our index (the cell's code read in base 5, the order of ``nasbench_harness.space``) or
    ``"benchmark"``, the index of NAS-Bench-201 and NATS-Bench. Raises ``DataError`` where a value is missing, unless
    ``allow_missing``: it is then NaN.
    """
    if order not in ("index", "benchmark"):
        raise UsageError(f"unknown order '{order}'; choose 'index' (ours) or 'benchmark'")
    opened = table_for(policy, table)
    values = truth_of(opened, policy).vector
    missing = int(np.isnan(values).sum())
    if missing and not allow_missing:
        raise DataError(
            f"column '{policy}' of truth table '{opened.name}' has no value for {missing} of {N_ARCHITECTURES} "
            "architectures; give allow_missing=True to get NaN there"
        )
    return values[benchmark_order()] if order == "benchmark" else values


def table_for(policy: str | None, table: TruthTable | Path | str | Any) -> TruthTable:
    """The named table, or the one that holds the policy when none is named (see ``truth_vector``)."""
    if isinstance(table, TruthTable):
        return table
    if hasattr(table, "meta_archs"):  # an opened API of nats_bench or nas-bench-201
        return truth_from(table)
    return open_table(path_for(policy, table))


def path_for(policy: str | None, table: Path | str | None) -> Path | str | None:
    """The file of ``table_for``; None for the embedded table, and where neither policy nor table is named."""
    return default_truth(policy) if table is None and policy is not None else table
