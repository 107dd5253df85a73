"""The verbs on baselines: ``baseline update``, ``ls`` and ``show``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from nasbench_harness.cli.options import Flag, Json, RunFolder, Wide, items
from nasbench_harness.cli.output import emit, note
from nasbench_harness.errors import DataError

if TYPE_CHECKING:
    from rich.console import Console

    from nasbench_harness.evidence.update import Change

BASELINES = Path("results/baselines")
Folder = Annotated[Path, Parameter(help="Folder of baselines.")]


def update(
    run_dir: RunFolder,
    /,
    *,
    baselines: Folder = BASELINES,
    strategies: str | None = None,
    force: Flag = False,
    dry_run: Flag = False,
    json: Json = False,
) -> None:
    """Make the stored seeds of a run the baselines of its strategies; says what changes before it writes.

    Parameters
    ----------
    strategies
        Comma-separated names; all by default.
    force
        Accept fewer seeds than a baseline needs.
    dry_run
        Only say what would change.
    """
    from nasbench_harness.evidence.update import changes, write
    from nasbench_harness.records import read_run

    chosen = None if strategies is None else items(strategies)
    found = changes(read_run(run_dir), baselines, chosen, force)
    emit([change.to_json() for change in found], json, lambda console: _print_changes(found, console))
    if not dry_run:
        written = write(found)
        note(f"{len(written)} of {len(found)} files written in {baselines}; review and commit them")


def ls(folder: Folder = BASELINES, /, *, wide: Wide = False, json: Json = False) -> None:
    """List baselines: seeds, mean of the headline tau, machine, when."""
    from nasbench_harness.evidence.baseline import experiments_in, read_baselines
    from nasbench_harness.report.baselines import baseline_line, print_baselines

    places = experiments_in(folder)
    if not places:
        raise DataError(f"{folder}: no baselines; write some with 'nasbench-harness baseline update RUN'")
    lines = [baseline_line(baseline) for place in places.values() for _, baseline in read_baselines(place)]
    emit(lines, json, lambda console: print_baselines(lines, console), wide)


def show(file: Path, /, *, wide: Wide = False, json: Json = False) -> None:
    """Show one baseline: protocol, and the metrics of every seed.

    Parameters
    ----------
    file
        ``results/baselines/EXPERIMENT/STRATEGY.json``.
    """
    from nasbench_harness.evidence.baseline import read_baseline
    from nasbench_harness.report.baselines import print_baseline

    baseline = read_baseline(file)
    emit(baseline.to_json(), json, lambda console: print_baseline(baseline, console), wide)


def _print_changes(found: list[Change], console: Console) -> None:
    for change in found:
        for line in change.what or ("unchanged",):
            console.print(f"{change.new.strategy}: {line}", highlight=False, markup=False, soft_wrap=True)
