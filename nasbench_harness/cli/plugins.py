"""The verbs for authors of parts: check, new."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from nasbench_harness.cli.options import Json
from nasbench_harness.cli.output import emit, emit_files, note

if TYPE_CHECKING:
    from rich.console import Console

    from nasbench_harness.testing import Outcome


def check(part: str, /, *options: str, json: Json = False) -> None:
    """Check that a partitioner, sampler or strategy keeps its promises (exit code 1: one is broken).

    Parameters
    ----------
    part
        A name of the catalogue, or a Python file that registers parts of its own.
    options
        Options of the part, such as ``leaves=3``.
    """
    from nasbench_harness.testing.find import check_named
    from nasbench_harness.testing.outcome import ChecksFailedError

    outcomes = list(check_named(part, options))
    emit([outcome.to_json() for outcome in outcomes], json, lambda console: _draw(outcomes, console))
    failed = [f"{outcome.part}: {outcome.check}" for outcome in outcomes if not outcome.passed]
    if failed:
        raise ChecksFailedError(f"{len(failed)} of {len(outcomes)} checks failed ({'; '.join(failed)})")


def new(family: str, name: str, /, *, to: Path = Path(), json: Json = False) -> None:
    """Write a working part with tests, an experiment and a workflow, or a scheduler's script; nothing is overwritten.

    Parameters
    ----------
    family
        ``partitioner`` or ``strategy``; ``slurm`` or ``kubernetes`` for a script that runs an experiment as shards.
    name
        Its name in experiments, such as ``my-partitioner``; of a script, that of ``<name>.toml``.
    to
        Folder of the files.
    """
    from nasbench_harness.testing.new import write_new

    files = [str(path) for path in write_new(family, name, to)]
    emit_files(files, json)
    if len(files) == 1:
        note(f"runs {name}.toml as eight shards; set its resources and folders first")
        return
    note(f"try: nasbench-harness check {files[0]}; nasbench-harness run {files[2]}")
    missing = "" if find_spec("pytest") else " (pytest is not installed: pip install pytest)"
    note(f"the same checks as tests{missing}: python -m pytest {files[1]}")
    note(f"not worse than a baseline, in minutes: python -m pytest {files[3]}")


def _draw(outcomes: list[Outcome], console: Console) -> None:
    from nasbench_harness.system.tables import print_rows

    for title in dict.fromkeys(f"{outcome.family} {outcome.part}" for outcome in outcomes):
        found = [outcome for outcome in outcomes if f"{outcome.family} {outcome.part}" == title]
        rows = [[one.check, "ok" if one.passed else "FAIL", one.reason] for one in found]
        print_rows(title, ["check", "result", "reason"], rows, console, labels=["result"], texts=["reason"])
        console.print()
