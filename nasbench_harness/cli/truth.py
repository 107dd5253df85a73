"""The verbs on ground-truth tables: import, info, compare, export, query, build, verify."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nasbench_harness.cli.options import Flag, ImportedTable, Json, Partial, StoredTruth, TableName
from nasbench_harness.cli.output import emit, emit_files

if TYPE_CHECKING:
    from rich.console import Console

    from nasbench_harness.truth.build.verify import Verification


def import_source(
    source: Path,
    /,
    *,
    to: ImportedTable = None,
    name: TableName = None,
    partial: Partial = False,
    trust: Flag = False,
    json: Json = False,
) -> None:
    """Turn official files, or a CSV, JSON or Parquet source, into a compact table that opens in milliseconds.

    An interrupted import of official files resumes where it was.

    Parameters
    ----------
    source
        The folder or file of NATS-Bench's topology space, NAS-Bench-201's .pth, a CSV with ``arch`` or the benchmark's
        ``index``, JSON {architecture: {column: value}}, or Parquet with ``arch``.
    trust
        Load an official file even where that could run code of its maker; only for files of a source you trust.
    """
    from rich.console import Console

    from nasbench_harness.system.progress import counted, terminal_progress
    from nasbench_harness.truth import describe
    from nasbench_harness.truth.describe import print_description
    from nasbench_harness.truth.importers import import_to, name_of

    target = to or source.with_name(f"{name_of(source)}.npz")
    with terminal_progress(Console(stderr=True)) as progress:
        report = counted(progress, f"import {source.name}", "architectures")
        table = import_to(source, target, name, partial, trust, report)
    described = {"file": str(target), **describe(table)}
    emit(described, json, lambda console: print_description(described, console))


def info(table: StoredTruth = None, /, *, bands: Flag = False, json: Json = False) -> None:
    """What a truth table holds: policies, coverage, best architectures, noise ceilings.

    Parameters
    ----------
    bands
        Also the noise ceiling among the best 1 %, 10 %, 50 % and all architectures.
    """
    from nasbench_harness.truth import describe, open_table
    from nasbench_harness.truth.bands import bands_of_table, print_bands
    from nasbench_harness.truth.describe import print_description

    opened = open_table(table)
    described = describe(opened)
    if bands:
        described["noise_by_band"] = bands_of_table(opened)

    def draw(console: Console) -> None:
        print_description(described, console)
        if bands:
            print_bands(described["noise_by_band"], console)

    emit(described, json, draw)


def compare(
    a: Path,
    b: Path,
    /,
    *,
    policy: str | None = None,
    policy_b: str | None = None,
    largest: int = 10,
    json: Json = False,
) -> None:
    """How two truths differ: how many values and by how much, agreement of ranks, the largest differences.

    Parameters
    ----------
    a
        A table, or a CSV or JSON source to read as one.
    b
        The other; it may be the same file with another column.
    policy
        Column of a, such as ``cifar10_test_200``; none: its first.
    policy_b
        Column of b; none: the same name, or its first column where --policy is not given either.
    largest
        How many of the largest differences to list.
    """
    from nasbench_harness.truth import open_table
    from nasbench_harness.truth.compare import compare_tables, print_comparison

    found = compare_tables(open_table(a), open_table(b), policy, policy_b, largest)
    emit(found, json, lambda console: print_comparison(found, console))


def export(table: StoredTruth = None, /, *, to: Path, json: Json = False) -> None:
    """Write a table as CSV, Parquet or JSON, and beside it NAME.columns.json with meanings and units.

    Parameters
    ----------
    to
        The file; its ending (.csv, .parquet, .json) chooses the format.
    """
    from nasbench_harness.truth import open_table
    from nasbench_harness.truth.export import export_table

    emit_files([str(path) for path in export_table(open_table(table), to)], json)


def query(*architectures: str, table: Path | None = None, policy: str | None = None, json: Json = False) -> None:
    """The values of single architectures.

    Parameters
    ----------
    architectures
        Architecture strings, indices of the benchmark (``6111``), or our own indices (``ours:11667``).
    table
        A table, CSV or JSON source; none: the fetched NAS-Bench-201 table for a --policy of its own, else the embedded.
    policy
        One column, such as ``cifar10_test_200``; none: all.
    """
    from nasbench_harness.data.truths import table_for
    from nasbench_harness.truth.query import print_query
    from nasbench_harness.truth.query import query as ask

    found = ask(table_for(policy, table), architectures, policy)
    emit(found, json, lambda console: print_query(found, console))


def build(
    *overrides: str,
    to: Path,
    architectures: int | None = None,
    seeds: int = 8,
    workers: int = 1,
    json: Json = False,
) -> None:
    """Train architectures stand-alone on the digits images and write their accuracies as a table.

    Finished chunks are kept beside the table: the same command resumes after an interruption.

    Parameters
    ----------
    overrides
        Changes of the recipe, such as ``epochs=20 channels=8``.
    to
        The table to write, .npz.
    architectures
        How many functional classes to train, drawn at random; none: every one, which covers all 15,625 architectures.
    seeds
        Trainings of each class.
    workers
        Processes of one thread each.
    """
    from rich.console import Console

    from nasbench_harness.images import ImageSpec, load_image_set
    from nasbench_harness.system.progress import counted, terminal_progress
    from nasbench_harness.truth import describe
    from nasbench_harness.truth.build.builder import build_table
    from nasbench_harness.truth.build.standalone import recipe_from
    from nasbench_harness.truth.describe import print_description

    recipe = recipe_from(overrides)
    images = load_image_set(ImageSpec("digits"))
    with terminal_progress(Console(stderr=True)) as progress:
        report = counted(progress, "stand-alone training", "models")
        table = build_table(images, recipe, to, architectures, seeds, workers, report)
    described = {"file": str(to), **describe(table)}
    emit(described, json, lambda console: print_description(described, console))


def verify(table: Path | None = None, /, *, sample: int = 5, json: Json = False) -> None:
    """Train some architectures of a built table again and compare; exit code 3 when one differs by more than noise.

    Parameters
    ----------
    table
        A table made by ``truth build``; none: the embedded table.
    sample
        How many of its architectures to train again.
    """
    from nasbench_harness.errors import DataError
    from nasbench_harness.images import ImageSpec, load_image_set
    from nasbench_harness.truth import open_table
    from nasbench_harness.truth.build.verify import verify_table

    verification = verify_table(open_table(table), load_image_set(ImageSpec("digits")), sample)
    emit(verification.to_json(), json, lambda console: _print_verification(verification, console))
    if not verification.passed:
        raise DataError(
            "a stored accuracy differs from its retraining by more than the tolerance; build the table again"
        )


def _print_verification(verification: Verification, console: Console) -> None:
    for row in verification.to_json()["architectures"]:
        console.print(
            f"{row['arch']}  stored {row['stored']:.2f}  again {row['again']:.2f}  allowed +-{row['tolerance']:.2f}",
            highlight=False,
            markup=False,
        )
    console.print("identical" if verification.identical else "within tolerance" if verification.passed else "DIFFERS")
