"""Measuring latencies: chunks of architectures in interleaved rounds, kept as they finish, so that a stop loses little.

Finished rows stand in ``.NAME.rows.jsonl`` beside the target until the table is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nasbench_harness.latency.measure.clock import OUTLIER_RULE, interleaved
from nasbench_harness.latency.measure.operations import time_operations
from nasbench_harness.latency.measure.rows import Rows
from nasbench_harness.latency.measure.work import REFERENCE, Bench, Conditions
from nasbench_harness.latency.table import LATENCY_FILE, LatencyTable
from nasbench_harness.space import N_ARCHITECTURES, format_architecture, live_cell_of
from nasbench_harness.system.files import write_json

Progress = Callable[[int, int], None]
IntArray = npt.NDArray[np.int64]

CHUNK = 24
"""Architectures whose rounds are interleaved; also what an interruption can lose."""


def measure_latency(
    conditions: Conditions,
    index_n: Sequence[int] | IntArray,
    target: Path,
    column: str | None = None,
    operations: bool = True,
    progress: Progress | None = None,
) -> LatencyTable:
    """Time architectures (our indices ``[n]``) and write them as a partial latency table at ``target`` (``.npz``).

    The network executes live edges only, so an architecture with dead edges is timed as its live cell. Where all live
    cells are timed, each value stands for every architecture that shares the cell, and the table is complete. Beside
    the table, ``NAME.operations.json`` holds the operations at each stage, unless ``operations`` is False. Resumes
    where an interrupted measurement of the same conditions stopped. Raises ``UsageError`` for a device that is not
    there, and where rows of other conditions lie beside the target.
    """
    LATENCY_FILE.check_name(target)
    bench = Bench(conditions)
    name = column or _column_name(bench)
    wanted = list(dict.fromkeys(int(index) for index in index_n))
    rows = Rows(target.with_name(f".{target.name}.rows.jsonl"), {**conditions.to_json(), "on": bench.device_name()})
    left = [index for index in wanted if index not in rows.found]
    with bench.timing():
        for number, chunk in enumerate(_chunks(left)):
            works = [bench.architecture(index) for index in (*chunk, REFERENCE)]
            seed = len(rows.found)
            *timings, reference = interleaved(works, conditions.repeats, conditions.warm_up, bench.clock, seed)
            rows.add(chunk, timings, reference)
            if progress is not None:
                progress(min(len(wanted) - len(left) + (number + 1) * CHUNK, len(wanted)), len(wanted))
        single = time_operations(bench, name) if operations else None
    table = _table(bench, name, wanted, rows, target.stem)
    table.save(target)
    if single is not None:
        write_json(target.with_name(f"{target.stem}.operations.json"), single)
    rows.remove()
    return table


def _chunks(left: list[int]) -> Iterator[list[int]]:
    return (left[start : start + CHUNK] for start in range(0, len(left), CHUNK))


def _column_name(bench: Bench) -> str:
    conditions = bench.conditions
    return f"{bench.device.type}_{conditions.batch_size}_{conditions.precision}"


def _table(bench: Bench, name: str, wanted: list[int], rows: Rows, stem: str) -> LatencyTable:
    ms_A = np.full(N_ARCHITECTURES, np.nan)
    iqr_A = np.full(N_ARCHITECTURES, np.nan)
    for index in wanted:
        ms_A[index], iqr_A[index] = rows.found[index].median, rows.found[index].iqr
    timings = [rows.found[index] for index in wanted]
    cell_A = live_cell_of()
    complete = bool(np.isfinite(ms_A[np.unique(cell_A)]).all())
    if complete:
        ms_A = np.where(np.isnan(ms_A), ms_A[cell_A], ms_A)
    reference = np.array([one.median for one in rows.references])
    drift = float(reference.max() / reference.min() - 1.0) if len(reference) else 0.0
    clock = f"not locked; the reference network varied by {drift:.1%} between chunks"
    spread = np.array([one.iqr / one.median for one in timings])
    meta = {
        "importer": "latency measure",
        "conditions": bench.conditions.to_json(),
        "executed": "live",
        "outlier_rule": OUTLIER_RULE,
        "measured": len(wanted),
        "live_cells_complete": complete,
        "outlier_passes": int(sum(one.outliers for one in timings)),
        "passes": int(sum(one.passes + one.outliers for one in timings)),
        "relative_iqr": {
            "median": float(np.median(spread)),
            "largest": float(spread.max()),
            "largest_at": format_architecture(wanted[int(spread.argmax())]),
        },
        "reference": {"arch": format_architecture(REFERENCE), "ms": reference.tolist()},
        "excluded": {},
    }
    if len(wanted) <= 2000:
        meta["iqr_ms"] = {str(index): float(iqr_A[index]) for index in wanted}
    return LatencyTable(stem, {name: ms_A}, {name: bench.info(clock)}, meta)
