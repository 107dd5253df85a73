"""The verbs on stored records: ``results ls``, ``show``, ``verify``, ``protect`` and ``rm``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from nasbench_harness.cli.options import Flag, Json, TruthFile, Wide
from nasbench_harness.cli.output import emit, note
from nasbench_harness.errors import DataError, UsageError

Stored = Annotated[Path, Parameter(help="A folder of runs, a run, or the folder of one unit.")]
RESULTS = Path("results")


def ls(folder: Stored = RESULTS, /, *, wide: Wide = False, json: Json = False) -> None:
    """List the stored units under a folder: strategy, seed, tau, commit, machine, when."""
    from nasbench_harness.records.found import find_units
    from nasbench_harness.report.stored import print_units

    lines = [unit.to_json() for unit in find_units(folder, curves=False)]
    emit(lines, json, lambda console: print_units(lines, console), wide)


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
    value = {**record.to_json(), **({"digests": dict(record.digests)} if record.digests else {})}
    emit(value, json, lambda console: print_record(record, units[0].folder, console))


def verify(folder: Stored = RESULTS, /, *, truth: TruthFile = None, json: Json = False) -> None:
    """Compute the numbers of stored records again from their scores and the truth (exit code 3: one has changed).

    Identities are compared with the stored descriptions too, digests with the bytes of records, scores, weights and
    checkpoints. Records without digests, of earlier versions, are told; ``results protect`` adds them.
    """
    from dataclasses import replace
    from functools import cache

    from nasbench_harness.data.truths import table_for
    from nasbench_harness.experiment.verification import damaged_checkpoints
    from nasbench_harness.experiment.verification import verify as verify_unit
    from nasbench_harness.records.found import find_units
    from nasbench_harness.report.stored import print_verified

    table_of = cache(lambda policy: table_for(policy, truth))
    outcomes = []
    for unit in find_units(folder, curves=False):
        if unit.record is not None:
            table_of(str(unit.record.truth["policy"]))  # a table that is not here is an error of its own
        outcomes.append(replace(verify_unit(unit.whole(), table_of), unit=unit))
    results = [outcome.to_json() for outcome in outcomes]
    emit(results, json, lambda console: print_verified(results, console))
    if bare := sum(not outcome.protected for outcome in outcomes):
        note(
            f"{bare} of {len(outcomes)} records are unprotected: they are of an earlier version, without digests, so a "
            "change of what does not follow from their scores is not noticed; "
            f"'nasbench-harness results protect {folder}' adds them"
        )
    checkpoints = damaged_checkpoints(folder)
    for fault in checkpoints:
        note(f"{fault.field}: {fault.stored}; the run makes the work that it kept again")
    if changed := [outcome for outcome in outcomes if outcome.faults]:
        first = changed[0]
        raise DataError(
            f"{len(changed)} of {len(outcomes)} records do not say what their scores and settings say: "
            f"{first.unit.folder}: {first.faults[0]}"
        )
    if checkpoints:
        raise DataError(f"{len(checkpoints)} checkpoints are damaged: {checkpoints[0].field}")


def protect(folder: Stored = RESULTS, /, *, json: Json = False) -> None:
    """Add digests to stored records of earlier versions; verify them first, for what is protected is what is there."""
    from nasbench_harness.records.found import find_units
    from nasbench_harness.records.store import protect as protect_unit

    units = find_units(folder, curves=False)
    if broken := [unit for unit in units if unit.record is None]:
        raise DataError(f"{len(broken)} of {len(units)} records cannot be read, nothing was written: {broken[0].fault}")
    changed = [str(unit.folder) for unit in units if protect_unit(unit.folder)]
    emit(
        {"protected": changed, "records": len(units)},
        json,
        lambda console: console.print(f"digests added to {len(changed)} of {len(units)} records", highlight=False),
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
