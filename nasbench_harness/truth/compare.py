"""How two truths differ: how many values, by how much, whether the ranks suffer, and where it is worst."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError
from nasbench_harness.metrics import kendall_tau, pearson, spearman
from nasbench_harness.space import format_architecture
from nasbench_harness.system.lines import print_line
from nasbench_harness.system.tables import print_rows
from nasbench_harness.truth.order import benchmark_index, benchmark_order
from nasbench_harness.truth.policy import truth_of
from nasbench_harness.truth.table import TruthTable

if TYPE_CHECKING:
    from rich.console import Console

LARGEST_SHOWN = 10
MOST_DECIMALS = 8

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def compare_tables(
    a: TruthTable, b: TruthTable, column_a: str | None = None, column_b: str | None = None, largest: int = LARGEST_SHOWN
) -> dict[str, Any]:
    """Compare one column of each table over the architectures that both hold; a JSON object.

    ``column_a`` defaults to the first column of ``a``, ``column_b`` to the same name and, only where neither is named
    and ``b`` lacks it, to the first column of ``b``. Keys: ``a`` and ``b`` (table, sha256, column, n, decimals, best
    architecture and its rank in the other), ``columns`` (in both, only in one), ``n_common``, ``n_only_a``,
    ``n_only_b``, ``n_equal`` (to the last digit), ``n_equal_as_rounded`` (apart by no more than the rounding of the
    coarser one, ``rounding``), ``n_different`` (more than that), ``difference`` (mean, median and largest absolute
    difference over all common ones, the same over the different ones as ``of_different``, and ``bias``, the mean of
    b - a), ``kendall_tau`` (tau-b), ``spearman``, ``pearson``, and ``largest``: the ``largest`` differences, worst
    first. Units are those of the columns. Raises ``DataError`` for an unknown column or fewer than two common
    architectures.
    """
    column_a, column_b = _columns(a, b, column_a, column_b)
    true_a, true_b = truth_of(a, column_a), truth_of(b, column_b)
    order = benchmark_order()  # fixed, and shuffled: ties favour no operation
    values_a, values_b = a.column(column_a)[order], b.column(column_b)[order]
    both = ~(np.isnan(values_a) | np.isnan(values_b))
    if both.sum() < 2:
        raise DataError(
            f"'{column_a}' of {a.name} and '{column_b}' of {b.name} share {int(both.sum())} architectures; "
            "at least 2 are needed to compare"
        )
    index_A, first, second = order[both], values_a[both], values_b[both]
    decimals = _decimals(first), _decimals(second)
    rounding = 0.5 * 10.0 ** -min(decimals)
    apart = np.abs(second - first)
    beyond = apart > rounding * (1 + 1e-6)
    return {
        "a": _side(a, column_a, true_a.n, decimals[0], index_A, first, second),
        "b": _side(b, column_b, true_b.n, decimals[1], index_A, second, first),
        "columns": {
            "both": [name for name in a.columns if name in b.columns],
            "only_a": [name for name in a.columns if name not in b.columns],
            "only_b": [name for name in b.columns if name not in a.columns],
        },
        "n_common": len(index_A),
        "n_only_a": true_a.n - len(index_A),
        "n_only_b": true_b.n - len(index_A),
        "n_equal": int((apart == 0).sum()),
        "n_equal_as_rounded": int((~beyond).sum()),
        "n_different": int(beyond.sum()),
        "rounding": rounding,
        "difference": {
            **_size(apart),
            "bias": float((second - first).mean()),
            "of_different": _size(apart[beyond]) if beyond.any() else None,
        },
        "kendall_tau": kendall_tau(first, second),
        "spearman": spearman(first, second),
        "pearson": pearson(first, second),
        "largest": _largest(index_A, first, second, apart, largest),
    }


def _columns(a: TruthTable, b: TruthTable, column_a: str | None, column_b: str | None) -> tuple[str, str]:
    chosen = column_a or next(iter(a.columns))
    a.column(chosen)
    if column_b is None:
        free = column_a is None and chosen not in b.columns
        column_b = next(iter(b.columns)) if free else chosen
        if column_b not in b.columns:
            raise DataError(
                f"truth table '{b.name}' has no column '{chosen}'; name the one to compare by --policy-b: "
                f"{', '.join(list(b.columns)[:20])}"
            )
    b.column(column_b)
    return chosen, column_b


def _decimals(values: FloatArray) -> int:
    """The fewest decimals that write every value, up to eight."""
    for decimals in range(MOST_DECIMALS):
        if np.allclose(np.round(values, decimals), values, rtol=0, atol=1e-9):
            return decimals
    return MOST_DECIMALS


def _size(apart: FloatArray) -> dict[str, float]:
    return {"mean": float(apart.mean()), "median": float(np.median(apart)), "max": float(apart.max())}


def _side(
    table: TruthTable, column: str, n: int, decimals: int, index_A: IntArray, own: FloatArray, other: FloatArray
) -> dict[str, Any]:
    best = int(own.argmax())
    return {
        "table": table.name,
        "sha256": table.sha256,
        "column": column,
        "n": n,
        "decimals": decimals,
        "distinct": len(np.unique(own)),
        "best": {
            **_architecture(int(index_A[best])),
            "value": float(own[best]),
            "value_in_the_other": float(other[best]),
            "rank_in_the_other": int((other > other[best]).sum()) + 1,
        },
    }


def _architecture(index: int) -> dict[str, Any]:
    return {"arch": format_architecture(index), "index": index, "benchmark_index": int(benchmark_index()[index])}


def _largest(
    index_A: IntArray, first: FloatArray, second: FloatArray, apart: FloatArray, count: int
) -> list[dict[str, Any]]:
    worst = np.argsort(-apart, kind="stable")[:count]
    return [
        {
            **_architecture(int(index_A[row])),
            "a": float(first[row]),
            "b": float(second[row]),
            "difference": float(second[row] - first[row]),
        }
        for row in worst[apart[worst] > 0].tolist()
    ]


def print_comparison(found: dict[str, Any], console: Console) -> None:
    """The comparison for a terminal."""

    def say(line: str) -> None:
        print_line(console, line)

    for side in ("a", "b"):
        facts, best = found[side], found[side]["best"]
        say(f"{side}: {facts['column']} of {facts['table']}, n = {facts['n']:,}, {facts['decimals']} decimals")
        say(
            f"   best {best['value']:g} {best['arch']}, benchmark index {best['benchmark_index']}; "
            f"{best['value_in_the_other']:g} in the other, rank {best['rank_in_the_other']:,}"
        )
    size, beyond = found["difference"], found["difference"]["of_different"]
    say(
        f"{found['n_common']:,} architectures in both, {found['n_only_a']:,} only in a, {found['n_only_b']:,} only in "
        f"b; {found['n_equal']:,} equal, {found['n_different']:,} apart by more than rounding (+-{found['rounding']:g})"
    )
    for what, facts in (("all", size), ("different", beyond)):
        if facts:
            say(
                f"absolute difference, {what}: mean {facts['mean']:.4f}, median {facts['median']:.4f}, "
                f"max {facts['max']:.4f}"
            )
    taus = (f"{label} {_value(found[key])}" for label, key in (("tau-b", "kendall_tau"), ("Spearman", "spearman")))
    say(f"mean of b - a {size['bias']:+.4f}; {', '.join(taus)}")
    if found["largest"]:
        headings = ["architecture", "index", "a", "b", "b - a"]
        rows = [
            [
                row["arch"],
                str(row["benchmark_index"]),
                *(f"{row['a']:.4f}", f"{row['b']:.4f}", f"{row['difference']:+.4f}"),
            ]
            for row in found["largest"]
        ]
        print_rows("largest differences", headings, rows, console)
    for what, key in (("in both", "both"), ("only in a", "only_a"), ("only in b", "only_b")):
        if found["columns"][key]:
            say(f"columns {what}: {', '.join(found['columns'][key])}")


def _value(number: float | None) -> str:
    return "-" if number is None else f"{number:.4f}"
