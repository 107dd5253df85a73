"""What a truth table holds, as a JSON object: the content of ``truth info``."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from nasbench_harness.space import N_ARCHITECTURES, format_architecture
from nasbench_harness.system.lines import print_line, print_origin
from nasbench_harness.system.tables import print_rows
from nasbench_harness.truth.noise import noise_ceiling_of, proxy_ceiling_of
from nasbench_harness.truth.policy import TruthPolicy, truth_of
from nasbench_harness.truth.table import TruthTable

if TYPE_CHECKING:
    from rich.console import Console

_BEST_SHOWN = 5
_MARKS = {
    "<": "the second measurement is one seed, which may be a part of the mean: too high an agreement",
    "~": "proxy: two measurements of the same image set under another split or training protocol",
}


def describe(table: TruthTable) -> dict[str, Any]:
    """Name, sha256, rows, coverage, stored size in bytes, metadata, and for every column its policy and values.

    A column: ``policy`` (parts, or None where the name states none), ``n``, ``distinct``, ``min``, ``median``, ``max``,
    ``chance_accuracy``, ``best`` (up to five architectures at the maximum, with our and the benchmark's index),
    ``n_best``, ``noise_ceiling`` and, only where that is missing, ``noise_ceiling_proxy``.
    """
    stored = io.BytesIO()
    table.write(stored)
    return {
        "name": table.name,
        "sha256": table.sha256,
        "rows": N_ARCHITECTURES,
        "covered": int(table.covered.sum()),
        "bytes": len(stored.getvalue()),
        "benchmark_index": table.benchmark_index is not None,
        "columns": {column: _column(table, column) for column in table.columns},
        "meta": dict(table.meta),
    }


def _column(table: TruthTable, column: str) -> dict[str, Any]:
    policy = TruthPolicy.parse(column)
    if np.isnan(table.column(column)).all():
        return {"policy": policy.to_json() if policy else None, "n": 0}
    truth = truth_of(table, column)
    ceiling = noise_ceiling_of(table, policy) if policy else None
    best = truth.index_A[truth.accuracy_A == truth.best]
    return {
        "policy": policy.to_json() if policy else None,
        "n": truth.n,
        "distinct": len(np.unique(truth.accuracy_A)),
        "min": float(truth.accuracy_A.min()),
        "median": float(np.median(truth.accuracy_A)),
        "max": truth.best,
        "chance_accuracy": truth.chance_accuracy,
        "n_best": len(best),
        "best": [_architecture(table, int(index)) for index in best[:_BEST_SHOWN]],
        "noise_ceiling": ceiling,
        "noise_ceiling_proxy": proxy_ceiling_of(table, policy) if policy and ceiling is None else None,
    }


def _architecture(table: TruthTable, index: int) -> dict[str, Any]:
    number = None if table.benchmark_index is None else int(table.benchmark_index[index])
    return {"arch": format_architecture(index), "index": index, "benchmark_index": number}


def print_description(described: dict[str, Any], console: Console) -> None:
    """The facts of ``describe`` for a terminal: one row a column of the table, its best architecture beneath."""
    size, coverage = f"{described['bytes'] / 1000:,.0f} kB", f"{described['covered']:,} of {described['rows']:,}"
    title = f"{described['name']}: {coverage} architectures, {size}, sha256 {described['sha256'][:12]}"
    rows = []
    marks: set[str] = set()
    for name, facts in described["columns"].items():
        if not facts["n"]:
            rows.append([name, "0", *["-"] * 5])
            continue
        values = (f"{facts[key]:.4f}" for key in ("min", "median", "max"))
        ceiling, proxy = facts["noise_ceiling"], facts["noise_ceiling_proxy"]
        marks |= {_mark(pair) for pair in (ceiling, proxy) if pair}
        shown = next((f"{_mark(pair)}{_tau(pair)}" for pair in (ceiling, proxy) if pair), "-")
        rows.append([name, f"{facts['n']:,}", f"{facts['distinct']:,}", *values, shown])
    print_rows(title, ["column", "n", "distinct", "min", "median", "max", "tau ceiling"], rows, console)
    for name, facts in described["columns"].items():
        if facts["n"] and facts["policy"] and facts["policy"]["seeds"] == "mean":
            first = facts["best"][0]
            number = "" if first["benchmark_index"] is None else f", benchmark index {first['benchmark_index']}"
            ties = f" and {facts['n_best'] - 1} more" if facts["n_best"] > 1 else ""
            print_line(console, f"best {name}: {facts['max']:.4f}  {first['arch']}{number}{ties}")
    for mark in sorted(marks & set(_MARKS)):
        print_line(console, f"{mark} {_MARKS[mark]}")
    print_origin(console, described)


def _mark(ceiling: dict[str, Any]) -> str:
    if "proxy_for" in ceiling:
        return "~"
    return "" if ceiling["independent"] else "<"


def _tau(ceiling: dict[str, Any]) -> str:
    return "-" if ceiling["kendall_tau"] is None else f"{ceiling['kendall_tau']:.3f}"
