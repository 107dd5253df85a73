"""How well the truth agrees with itself: the tau that no score can be expected to pass.

A table that holds a second measurement of a column says how noisy the column is. What counts, best first:
two halves of the seeds (``<column>_halfA``, ``_halfB``), two single seeds, or the mean against one seed. That seed is a
part of the mean in most tables, so the last agrees too well and is marked as not independent. Accuracies measured under
another protocol are a proxy and named so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nasbench_harness.metrics import noise_ceiling
from nasbench_harness.truth.policy import TruthPolicy
from nasbench_harness.truth.table import TruthTable

_SHARED = "mean and one seed"


def noise_ceiling_of(table: TruthTable, policy: TruthPolicy) -> dict[str, Any] | None:
    """Agreement of two measurements of the policy's column, or None where the table has one measurement only.

    Keys: those of ``metrics.noise_ceiling`` over the architectures with both (``n``, ``kendall_tau``, ``spearman``,
    ``pearson`` and, stepped up to the mean, ``reliability_of_mean``, ``kendall_tau_of_mean``: None unless independent),
    ``n_identical`` (rows equal in both: chance, or the only seed there is), ``kind``, ``independent``, ``first``,
    ``second``.
    """
    for kind, first, second in _pairs(table, policy.column):
        ceiling = _agreement(table, kind, first, second)
        if ceiling is not None:
            return ceiling
    return None


def proxy_ceiling_of(table: TruthTable, policy: TruthPolicy) -> dict[str, Any] | None:
    """Stand-in for a mean's missing ceiling: that of the same image set and epochs under another split, or None.

    The networks behind it were trained or tested otherwise (NAS-Bench-201's ``cifar10_valid_test_200`` trains on 25,000
    images, ``cifar10_test_200`` on 50,000), so it is an indication; the added key ``proxy_for`` says so.
    """
    if policy.seeds != "mean" or noise_ceiling_of(table, policy) is not None:
        return None
    for column in table.columns:
        other = TruthPolicy.parse(column)
        if other is None or other.seeds != "mean" or other == policy:
            continue
        if (other.image_set, other.epochs) == (policy.image_set, policy.epochs):
            ceiling = noise_ceiling_of(table, other)
            if ceiling is not None:
                return {**ceiling, "proxy_for": policy.column}
    return None


def _pairs(table: TruthTable, column: str) -> Iterator[tuple[str, str, str]]:
    """(kind, first, second) of every pair of columns that measure ``column`` twice, best kind first."""
    halves = [f"{column}_halfA", f"{column}_halfB"]
    if set(halves) <= set(table.columns):
        yield "halves of the seeds", halves[0], halves[1]
    seeds = sorted(name for name in table.columns if name.startswith(f"{column}_seed") and TruthPolicy.parse(name))
    if len(seeds) > 1:
        yield "two seeds", seeds[0], seeds[1]
    if seeds:
        yield _SHARED, column, seeds[0]


def _agreement(table: TruthTable, kind: str, first: str, second: str) -> dict[str, Any] | None:
    a, b = table.column(first), table.column(second)
    both = ~(np.isnan(a) | np.isnan(b))
    if both.sum() < 2:
        return None
    ceiling: dict[str, Any] = noise_ceiling(a[both], b[both])
    independent = kind != _SHARED
    if not independent:  # the step to the mean of both holds for measurements that share no seed
        ceiling |= {"reliability_of_mean": None, "kendall_tau_of_mean": None}
    identical = int((a == b).sum())
    return {
        **ceiling,
        "n_identical": identical,
        "kind": kind,
        "independent": independent,
        "first": first,
        "second": second,
    }
