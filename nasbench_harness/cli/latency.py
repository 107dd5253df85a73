"""The verbs on latencies: import, measure, fit, plan, info."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasbench_harness.cli.options import Device, Devices, Flag, ImportedTable, Json, Partial, TableName
from nasbench_harness.cli.output import emit, note
from nasbench_harness.errors import UsageError

if TYPE_CHECKING:
    from nasbench_harness.latency import LatencyTable


def import_source(
    source: Path,
    /,
    *,
    to: ImportedTable = None,
    name: TableName = None,
    partial: Partial = False,
    batch: int | None = None,
    precision: str | None = None,
    image_size: int | None = None,
    json: Json = False,
) -> None:
    """Turn a wide CSV, HW-NAS-Bench's pickle, an operation table or predictors into a latency table.

    Impossible values are excluded by a stated rule and listed in the table.

    Parameters
    ----------
    source
        CSV with ``arch`` or the benchmark's ``index`` and a column of ms a device; .pickle; .json.
    batch
        Batch size of every column, where the source does not tell.
    precision
        Precision of every column, such as ``float32``.
    image_size
        Side of the images of every column.
    """
    from nasbench_harness.latency.describe import describe, print_description
    from nasbench_harness.latency.importers.kinds import import_latency

    given = {"batch_size": batch, "precision": precision, "image_size": image_size}
    known = {key: value for key, value in given.items() if value is not None}
    table = import_latency(source, name, partial, known)
    target = to or source.with_suffix(".npz")
    table.save(target)
    _tell_excluded(table)
    described = {"file": str(target), **describe(table)}
    emit(described, json, lambda console: print_description(described, console))


def measure(
    *,
    to: Path,
    device: Device = "cpu",
    batch: int = 1,
    precision: str = "float32",
    architectures: str = "plan",
    channels: int = 16,
    cells: int = 5,
    image_size: int = 32,
    threads: int = 1,
    repeats: int = 30,
    warm_up: int = 3,
    column: str | None = None,
    operations: bool = True,
    json: Json = False,
) -> None:
    """Time whole architectures and single operations on this machine; an interrupted measurement resumes.

    Parameters
    ----------
    to
        The table, .npz; the operations go to NAME.operations.json beside it.
    batch
        Images of one pass.
    precision
        ``float32`` or ``bfloat16``.
    architectures
        ``plan`` or ``plan:N`` (the sample design), ``all``, a number (a sample stratified by multiply-adds), several
        joined such as ``plan+200``, or a file with one architecture string a line.
    channels
        Channels of the stem.
    cells
        Cells of each stage.
    image_size
        Side of the images.
    threads
        Threads of torch on the CPU.
    repeats
        Timed passes of each architecture.
    warm_up
        Untimed passes of each before them.
    column
        Name of the table's column; none: device, batch and precision.
    operations
        Also time single operations at each stage.
    """
    from rich.console import Console

    from nasbench_harness.latency.describe import describe, print_description
    from nasbench_harness.latency.measure.measure import measure_latency
    from nasbench_harness.latency.measure.sample import architectures_from
    from nasbench_harness.latency.measure.work import Conditions
    from nasbench_harness.system.progress import counted, terminal_progress

    conditions = Conditions(
        device, batch, precision, channels, cells, image_size, threads, repeats=repeats, warm_up=warm_up
    )
    wanted = architectures_from(architectures)
    with terminal_progress(Console(stderr=True)) as progress:
        report = counted(progress, f"latency on {device}", "architectures")
        table = measure_latency(conditions, wanted, to, column, operations, report)
    described = {"file": str(to), **describe(table)}
    emit(described, json, lambda console: print_description(described, console))


def fit(
    table: Path,
    /,
    *,
    device: Devices = None,
    samples: int | None = None,
    repeats: int = 20,
    to: Path | None = None,
    json: Json = False,
) -> None:
    """Fit a predictor to each device column and tell its error on held-out architectures.

    Parameters
    ----------
    table
        A latency table, or a wide CSV or another source to read as one.
    samples
        Fit on so many architectures, those of ``plan``, and judge on all others; none: fit on all rows, judged by
        cross-validation.
    repeats
        Disjoint designs behind the means and intervals of --samples.
    to
        JSON file for the predictors; it opens wherever a latency table does.
    """
    from rich.console import Console

    from nasbench_harness.latency.describe import print_fit
    from nasbench_harness.latency.open import open_latency
    from nasbench_harness.latency.predict.file import save_predictors
    from nasbench_harness.latency.predict.report import fit_columns
    from nasbench_harness.system.progress import counted, terminal_progress

    if repeats < 1:
        raise UsageError(f"--repeats must be at least 1, found {repeats}")
    opened = open_latency(table)
    _tell_excluded(opened)
    with terminal_progress(Console(stderr=True)) as progress:
        predictors, reports = fit_columns(
            opened, device or (), samples, repeats, counted(progress, "fit", "device columns")
        )
    found: dict[str, Any] = {"table": opened.name, "sha256": opened.sha256, "samples": samples, "devices": reports}
    if to is not None:
        save_predictors(to, predictors, {"table": opened.name, "sha256": opened.sha256, "samples": samples})
        found["file"] = str(to)
    emit(found, json, lambda console: print_fit(found, console))


def plan(*, samples: int = 10, design: int = 0, json: Json = False) -> None:
    """Which architectures to measure: a list for every device, ready for `latency measure --architectures FILE`.

    Parameters
    ----------
    samples
        How many.
    design
        0, or the number of a further design that shares no architecture with those before it.
    """
    from nasbench_harness.latency.predict.design import plan as sample_design
    from nasbench_harness.space import format_architecture
    from nasbench_harness.truth.order import benchmark_index

    rows = [
        {"arch": format_architecture(index), "index": index, "benchmark_index": int(benchmark_index()[index])}
        for index in sample_design(samples, design).tolist()
    ]
    lines = "\n".join(str(row["arch"]) for row in rows)
    found = {"samples": samples, "design": design, "architectures": rows}
    emit(found, json, lambda console: console.print(lines, highlight=False, markup=False))


def info(
    table: Path,
    /,
    *,
    device: str | None = None,
    batch: int | None = None,
    precision: str | None = None,
    image_size: int | None = None,
    excluded: Flag = False,
    json: Json = False,
) -> None:
    """What a latency table or predictor holds: devices, conditions, coverage, excluded values.

    Parameters
    ----------
    table
        A latency table, predictors, or a source to read as one.
    device
        One column only.
    batch
        Ask whether it speaks for this batch size (exit code 2: it does not).
    precision
        Ask whether it speaks for this precision.
    image_size
        Ask whether it speaks for this image size.
    excluded
        List every excluded value.
    """
    from nasbench_harness.latency.describe import describe, print_description
    from nasbench_harness.latency.open import open_latency
    from nasbench_harness.latency.predict.predictor import check_conditions

    opened = open_latency(table)
    if device is not None:
        opened.vector(device)
    names = [device] if device is not None else list(opened.columns)
    for name in names:
        check_conditions(name, opened.devices[name], batch, precision, image_size)
    described = describe(opened, names, excluded)
    emit(described, json, lambda console: print_description(described, console))


def _tell_excluded(table: LatencyTable) -> None:
    from nasbench_harness.latency.cleaning import excluded_line

    line = excluded_line(table.meta.get("excluded") or {})
    if line:
        note(line)
