"""The verbs on ground-truth tables: import, info, build, verify."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from nasbench_harness.console import Json, emit

if TYPE_CHECKING:
    from rich.console import Console

    from nasbench_harness.truth.builder import Verification

truth_app = App(name="truth", help="Ground-truth tables: import, look into, build, verify.")


@truth_app.command(name="import")
def truth_import(
    source: Path,
    /,
    *,
    to: Path | None = None,
    name: str | None = None,
    partial: Annotated[bool, Parameter(negative="")] = False,
    json: Json = False,
) -> None:
    """Turn a CSV or JSON source into a compact table that opens in milliseconds.

    Parameters
    ----------
    source
        CSV with ``arch`` or the benchmark's ``index``, or JSON {architecture: {column: value}}.
    to
        The table; none: beside the source, as .npz.
    name
        Name of the table; none: the source's.
    partial
        Declare that architectures or values may be missing.
    """
    from nasbench_harness.truth import describe, import_table
    from nasbench_harness.truth.describe import print_description

    target = to or source.with_suffix(".npz")
    table = import_table(source, name, partial)
    table.save(target)
    described = {"file": str(target), **describe(table)}
    emit(described, json, lambda console: print_description(described, console))


@truth_app.command(name="info")
def truth_info(table: Path | None = None, /, *, json: Json = False) -> None:
    """What a truth table holds: policies, coverage, best architectures, noise ceilings.

    Parameters
    ----------
    table
        A table, or a CSV or JSON source to read as one; none: the embedded table.
    """
    from nasbench_harness.truth import describe, open_table
    from nasbench_harness.truth.describe import print_description

    described = describe(open_table(table))
    emit(described, json, lambda console: print_description(described, console))


@truth_app.command(name="build")
def truth_build(
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
    from nasbench_harness.progress import counted, terminal_progress
    from nasbench_harness.truth import describe
    from nasbench_harness.truth.builder import build_table
    from nasbench_harness.truth.describe import print_description
    from nasbench_harness.truth.standalone import recipe_from

    recipe = recipe_from(overrides)
    images = load_image_set(ImageSpec("digits"))
    with terminal_progress(Console(stderr=True)) as progress:
        report = counted(progress, "stand-alone training", "models")
        table = build_table(images, recipe, to, architectures, seeds, workers, report)
    described = {"file": str(to), **describe(table)}
    emit(described, json, lambda console: print_description(described, console))


@truth_app.command(name="verify")
def truth_verify(table: Path | None = None, /, *, sample: int = 5, json: Json = False) -> None:
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
    from nasbench_harness.truth.builder import verify_table

    verification = verify_table(open_table(table), load_image_set(ImageSpec("digits")), sample)
    emit(verification.to_json(), json, lambda console: _print_verification(verification, console))
    if not verification.passed:
        raise DataError(
            "a stored accuracy differs from its retraining by more than the tolerance; build the table anew"
        )


def _print_verification(verification: Verification, console: Console) -> None:
    for row in verification.to_json()["architectures"]:
        console.print(
            f"{row['arch']}  stored {row['stored']:.2f}  again {row['again']:.2f}  allowed +-{row['tolerance']:.2f}",
            highlight=False,
            markup=False,
        )
    console.print("identical" if verification.identical else "within tolerance" if verification.passed else "DIFFERS")
