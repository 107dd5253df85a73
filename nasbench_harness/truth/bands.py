"""The noise ceiling where it matters: among the truly best, two measurements of the truth agree far less than overall.

A band is the best share of the architectures by the truth's own column. Where that is the mean of the two measurements
compared, both take part in the choice alike; choosing by one of them would favour it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.metrics import kendall_tau, spearman
from nasbench_harness.system.tables import print_rows
from nasbench_harness.truth.noise import noise_ceiling_of, proxy_ceiling_of
from nasbench_harness.truth.order import benchmark_order
from nasbench_harness.truth.policy import TruthPolicy
from nasbench_harness.truth.table import TruthTable

if TYPE_CHECKING:
    from rich.console import Console

FRACTIONS = (0.01, 0.1, 0.5, 1.0)
_ABOUT = ("kind", "independent", "first", "second", "proxy_for")


def ceiling_by_band(
    first: npt.ArrayLike, second: npt.ArrayLike, truth: npt.ArrayLike, fractions: Sequence[float] = FRACTIONS
) -> list[dict[str, Any]]:
    """Agreement of two measurements ``[n]`` inside bands of the best ``fractions`` by ``truth`` ``[n]``.

    One object a band: ``fraction``, ``n`` = floor(fraction x n), ``lowest`` and ``highest`` true value, ``kendall_tau``
    (tau-b), ``spearman`` (None where undefined, as below two rows), ``mean_absolute_difference`` and ``n_identical``.
    Equal values at a band's border are taken in row order. No Spearman-Brown step: it does not hold in a band that was
    chosen by the values themselves. ``UsageError`` unless 0 < fraction <= 1, ``DataError`` for vectors that differ in
    length or hold a value that is not finite.
    """
    a, b, true = (np.asarray(values, dtype=np.float64) for values in (first, second, truth))
    if not (a.ndim == 1 and a.shape == b.shape == true.shape):
        raise DataError(f"bands need three vectors of one length, found {a.shape}, {b.shape} and {true.shape}")
    if not all(np.isfinite(values).all() for values in (a, b, true)):
        raise DataError("bands need finite values; leave out the rows where one is missing")
    best_first = np.argsort(-true, kind="stable")
    bands = []
    for fraction in fractions:
        if not 0 < fraction <= 1:
            raise UsageError(f"a band of {fraction:g} of the architectures; give a fraction over 0, at most 1")
        rows = best_first[: math.floor(fraction * len(true) + 1e-9)]
        bands.append({"fraction": fraction, "n": len(rows), **_agreement(a[rows], b[rows], true[rows])})
    return bands


def _agreement(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64], true: npt.NDArray[np.float64]) -> dict[str, Any]:
    enough = len(true) > 1
    return {
        "lowest": float(true.min()) if len(true) else None,
        "highest": float(true.max()) if len(true) else None,
        "kendall_tau": kendall_tau(a, b) if enough else None,
        "spearman": spearman(a, b) if enough else None,
        "mean_absolute_difference": float(np.abs(a - b).mean()) if len(true) else None,
        "n_identical": int((a == b).sum()),
    }


def bands_of(table: TruthTable, policy: TruthPolicy, fractions: Sequence[float] = FRACTIONS) -> dict[str, Any] | None:
    """The bands of a policy's column from its second measurement; None where the table has none, nor a proxy.

    Keys: ``kind``, ``independent``, ``first``, ``second`` as in ``noise_ceiling_of`` (and ``proxy_for`` where another
    protocol stands in), ``by`` (the column that orders the bands: that of the two measurements' own mean), ``n`` and
    ``bands``.
    """
    ceiling = noise_ceiling_of(table, policy) or proxy_ceiling_of(table, policy)
    if ceiling is None:
        return None
    by = policy.column
    if "proxy_for" in ceiling:  # order by what was measured twice, not by the column it stands in for
        by = ceiling["first"].partition("_half")[0].partition("_seed")[0]
    order = benchmark_order()
    columns = [table.column(name)[order] for name in (ceiling["first"], ceiling["second"], by)]
    first, second, truth = (column[~np.isnan(columns).any(axis=0)] for column in columns)
    about: dict[str, Any] = {key: ceiling[key] for key in _ABOUT if key in ceiling}
    return {**about, "by": by, "n": len(truth), "bands": ceiling_by_band(first, second, truth, fractions)}


def bands_of_table(table: TruthTable) -> dict[str, dict[str, Any]]:
    """``bands_of`` for every column that is a mean over seeds and has them."""
    policies = [policy for policy in map(TruthPolicy.parse, table.columns) if policy and policy.seeds == "mean"]
    found = {policy.column: bands_of(table, policy) for policy in policies}
    return {column: bands for column, bands in found.items() if bands is not None}


def print_bands(found: dict[str, dict[str, Any]], console: Console) -> None:
    """A table of all columns' bands for a terminal."""
    if not found:
        console.print("no column has a second measurement: the noise by band is not known", highlight=False)
        return
    rows = []
    for column, facts in found.items():
        for band in facts["bands"]:
            share = "all" if band["fraction"] == 1 else f"top {100 * band['fraction']:g} %"
            values = "-" if not band["n"] else f"{band['lowest']:.2f}..{band['highest']:.2f}"
            numbers = (_number(band[key]) for key in ("kendall_tau", "spearman", "mean_absolute_difference"))
            rows.append([column, share, f"{band['n']:,}", values, *numbers])
    headings = ["column", "band", "n", "true values", "tau-b", "Spearman", "mean difference"]
    print_rows("ceiling of tau by band of true accuracy", headings, rows, console, labels=["band"])
    for column, facts in found.items():
        stands_in = " (a proxy: another protocol)" if "proxy_for" in facts else ""
        shared = "" if facts["independent"] else "; not independent, so too high"
        console.print(
            f"{column}: {facts['kind']}, {facts['first']} against {facts['second']}{stands_in}, bands by "
            f"{facts['by']}{shared}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
