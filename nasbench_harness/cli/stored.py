"""The verbs on stored records: ``results ls``, ``show``, ``verify`` and ``rm``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from nasbench_harness.cli.options import Flag, Json, TruthFile
from nasbench_harness.cli.output import emit, note
from nasbench_harness.errors import DataError, UsageError

Stored = Annotated[Path, Parameter(help="A folder of runs, a run, or the folder of one unit.")]
RESULTS = Path("results")


def ls(folder: Stored = RESULTS, /, *, json: Json = False) -> None:
    """List the stored units under a folder: strategy, seed, tau, commit, machine, when."""
    from nasbench_harness.records.found import find_units
    from nasbench_harness.report.stored import print_units

    lines = [unit.to_json() for unit in find_units(folder)]
    emit(lines, json, lambda console: print_units(lines, console))


def show(unit: Path, /, *, json: Json = False) -> None:
    """Show one record: settings, metrics, truth, cost, environment.

    Parameters
    ----------
    unit
        Folder of the unit, ``RUN/strategy/seed-N``.
    """
    from nasbench_harness.records.found import find_units
    from nasbench_harness.report.stored import print_record

    units = find_units(unit)
    if len(units) > 1:
        raise UsageError(f"{unit} holds {len(units)} records; name one, such as {units[0].folder}")
    record = units[0].record
    if record is None:
        raise DataError(str(units[0].fault))
    emit(record.to_json(), json, lambda console: print_record(record, units[0].folder, console))


def verify(folder: Stored = RESULTS, /, *, truth: TruthFile = None, json: Json = False) -> None:
    """Compute the numbers of stored records again from their scores and the truth (exit code 3: one has changed).

    Identities are compared with the stored descriptions too.
    """
    from nasbench_harness.data.truths import table_for
    from nasbench_harness.experiment.verification import verify as verify_unit
    from nasbench_harness.records.found import find_units
    from nasbench_harness.report.stored import print_verified

    tables = {}
    outcomes = []
    for unit in find_units(folder):
        policy = "" if unit.record is None else str(unit.record.truth["policy"])
        if unit.record is not None and policy not in tables:
            tables[policy] = table_for(policy, truth)
        outcomes.append(verify_unit(unit, tables.__getitem__))
    results = [outcome.to_json() for outcome in outcomes]
    emit(results, json, lambda console: print_verified(results, console))
    if changed := [outcome for outcome in outcomes if outcome.faults]:
        first = changed[0]
        raise DataError(
            f"{len(changed)} of {len(outcomes)} records do not say what their scores and settings say: "
            f"{first.unit.folder}: {first.faults[0]}"
        )


def rm(folder: Path, /, *, yes: Flag = False, json: Json = False) -> None:
    """Remove a stored unit or a whole run: what the harness wrote, and nothing else.

    Parameters
    ----------
    folder
        ``RUN/strategy/seed-N``, or ``RUN``.
    yes
        Do not ask.
    """
    from nasbench_harness.records.removal import removal_of

    removal = removal_of(folder)
    if not yes:
        if json or not sys.stdin.isatty():
            raise UsageError(f"removing {removal.what} is for good; add --yes to do so without being asked")
        print(
            f"remove {removal.what} for good ({len(removal.files)} files)? [y/N] ", end="", file=sys.stderr, flush=True
        )
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            note("nothing was removed")
            return
    left = removal.carry_out()
    if left:
        note(f"left, for the harness did not write it: {', '.join(map(str, left))}")
    removed = [str(path) for path in (*removal.files, *removal.trees)]
    emit({"removed": removed}, json, lambda console: console.print(f"removed {removal.what}", highlight=False))
