"""What the verbs on stored runs do with records that cannot be read: show the others, name these, end with code 3."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nasbench_harness.cli.output import note
from nasbench_harness.errors import DataError

if TYPE_CHECKING:
    from nasbench_harness.records import Run


def readable(folders: Sequence[Path], curves: bool = True) -> tuple[list[Run], list[str]]:
    """The runs of the folders, and a line on each record or folder that cannot be read; an error where none can.

    Without ``curves`` their records are ``light``.
    """
    from nasbench_harness.records import read_run

    runs: list[Run] = []
    faults: list[DataError] = []
    for folder in folders:
        try:
            runs.append(read_run(folder, whole=False, curves=curves))
        except DataError as error:
            faults.append(error)
    if not runs:
        raise faults[0]
    return runs, [line for run in runs for line in run.unreadable] + [str(error) for error in faults]


def tell(unreadable: Sequence[str]) -> None:
    """After the result: each line on stderr, and the ``DataError`` that gives the exit code."""
    for line in unreadable:
        note(f"not shown: {line}")
    if unreadable:
        raise DataError(f"{len(unreadable)} stored records or folders cannot be read (above); the others are shown")
