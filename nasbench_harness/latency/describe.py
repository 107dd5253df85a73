"""Latency tables and fits as plain JSON values, and drawn for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nasbench_harness.latency.table import LatencyTable
from nasbench_harness.space import N_ARCHITECTURES, format_architecture
from nasbench_harness.system.lines import print_line, print_origin
from nasbench_harness.system.tables import print_rows

if TYPE_CHECKING:
    from rich.console import Console


def describe(table: LatencyTable, names: Sequence[str] | None = None, excluded: bool = False) -> dict[str, Any]:
    """Facts on the columns ``names`` (None: all): conditions, coverage, range; ``excluded``: also every such row."""
    columns = {name: _column(table, name) for name in names or table.columns}
    meta = {key: value for key, value in table.meta.items() if key not in ("excluded", "iqr_ms")}
    found = {"name": table.name, "sha256": table.sha256, "rows": N_ARCHITECTURES, "columns": columns, "meta": meta}
    if excluded:
        found["excluded"] = {name: rows for name, rows in _excluded(table).items() if name in columns}
    return found


def _excluded(table: LatencyTable) -> dict[str, Any]:
    return dict(table.meta.get("excluded") or {})


def _column(table: LatencyTable, name: str) -> dict[str, Any]:
    ms_A = table.vector(name)
    known = ms_A[~np.isnan(ms_A)]
    out = _excluded(table).get(name)
    return {
        **table.devices[name].to_json(),
        "n": len(known),
        "distinct": len(np.unique(known)),
        "min": float(known.min()),
        "median": float(np.median(known)),
        "max": float(known.max()),
        "fastest": format_architecture(int(np.nanargmin(ms_A))),
        "slowest": format_architecture(int(np.nanargmax(ms_A))),
        "excluded": len(out["rows"]) if out else 0,
        "exclusion_rule": out["rule"] if out else None,
    }


def print_description(described: Mapping[str, Any], console: Console) -> None:
    """One row a device column; what was excluded and the table's own facts beneath."""
    title = f"{described['name']}: latency in ms, sha256 {described['sha256'][:12]}"
    rows = []
    for name, facts in described["columns"].items():
        known = [facts["batch_size"], facts["precision"], facts["image_size"]]
        shown = ["-" if value is None else str(value) for value in known]
        values = [f"{facts[key]:.4g}" for key in ("min", "median", "max")]
        device = facts["device"] or "-"
        device += " (predicted)" if facts["predicted"] else ""
        rows.append([name, device, *shown, f"{facts['n']:,}", str(facts["excluded"]), *values])
    headings = ["column", "device", "batch", "precision", "image", "n", "excluded", "min", "median", "max"]
    print_rows(title, headings, rows, console, labels=["device"])
    rules = {facts["exclusion_rule"] for facts in described["columns"].values() if facts["exclusion_rule"]}
    for rule in sorted(rules):
        print_line(console, f"excluded: {rule}")
    for name, found in described.get("excluded", {}).items():
        for row in found["rows"]:
            path = "" if row["path"] else "  (no path)"
            print_line(
                console, f"{name}  {row['ms']:g} ms  {row['arch']}  benchmark index {row['benchmark_index']}{path}"
            )
    print_origin(console, described)


def print_fit(found: Mapping[str, Any], console: Console) -> None:
    """One row a device: held-out agreement with its interval, beside the plain additive model and the ceiling."""
    samples = found["samples"]
    how = f"{samples} planned samples" if samples else "all rows, cross-validated"
    rows = []
    for row in found["devices"]:
        rank, plain = row["spearman"], row["plain_additive"]["spearman"]["mean"]
        interval = f"{_shown(rank['low'])}..{_shown(rank['high'])}"
        ceiling = _shown(row["ceiling"]["spearman"]) if row["ceiling"] else "-"
        model = ", ".join(f"{name} x{count}" if count > 1 else name for name, count in row["models"].items())
        cells = [row["device"], _shown(rank["mean"]), interval, _shown(row["tau"]["mean"])]
        cells += [_shown(row["mape"]["mean"], 2), _shown(plain), ceiling, model]
        rows.append(cells)
    headings = ["device", "Spearman", "95 %", "tau", "MAPE %", "plain", "ceiling", "model"]
    print_rows(f"held-out agreement, {how}", headings, rows, console, texts=["model"])
    print_line(console, "plain: least squares on five counts over all edges, from as many samples drawn at random")
    print_line(
        console, "ceiling: what noise allows among mirrored cells, which run the same operations (their rows only)"
    )
    if "file" in found:
        print_line(console, f"written: {found['file']}")


def _shown(value: float | None, digits: int = 4) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
