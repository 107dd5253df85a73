"""The verb ``sweep``: runs of several protocols side by side, by the settings in which they differ."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from nasbench_harness.cli.options import Json, JudgingPolicies, JudgingTruth, Signal, items
from nasbench_harness.cli.output import note
from nasbench_harness.cli.readable import readable, tell
from nasbench_harness.cli.results import judged
from nasbench_harness.cli.tables import PLAIN_TABLE, TableOptions

if TYPE_CHECKING:
    from nasbench_harness.evidence.sweep import Sweep
    from nasbench_harness.figures.page import Page

Folders = Annotated[list[Path], Parameter(help="Runs, or folders of runs such as those of a grid.", negative="")]


def sweep(
    run_dirs: Folders,
    /,
    *,
    strategies: str | None = None,
    signal: Signal = None,
    policy: JudgingPolicies = None,
    truth: JudgingTruth = None,
    figures: Annotated[Path | None, Parameter(help="Folder for figures, PNG and PDF, each with its caption.")] = None,
    width: str = "neurips",
    table: TableOptions = PLAIN_TABLE,
    json: Json = False,
) -> None:
    """What settings change: a row for each protocol, with the settings in which the runs differ.

    Numbers and intervals are those of the leaderboard. Whether one row is worse than another is asked of
    ``compare --across``.

    Parameters
    ----------
    strategies
        These alone, separated by commas.
    width
        Width and letters of figures: ``neurips``, ``icml``, ``cvpr``, ``ieee`` or ``lncs``; or inches.
    """
    from nasbench_harness.evidence.sweep import run_folders, sweep_of, with_strategies
    from nasbench_harness.figures.page import page_of
    from nasbench_harness.report.sweep import sweep_board

    page = page_of(width)
    folders = [each for folder in run_dirs for each in run_folders(folder)]
    read, unreadable = readable(folders, curves=bool(figures or policy))
    chosen = with_strategies(read, items(strategies))
    by_policy = [judged(run, policy, truth, for_table=figures is None) for run in chosen]
    sweeps = {name: sweep_of([each[name] for each in by_policy], signal) for name in by_policy[0]}
    boards = {name: sweep_board(found, signal) for name, found in sweeps.items()}
    values = {name: board.to_json() for name, board in boards.items()}
    value = next(iter(values.values())) if len(values) == 1 else {"policies": values}
    tables = [board.table() for board in boards.values()]
    table.arranged(tables)  # an unknown column is told before anything is drawn
    if figures is not None:
        for name, found in sweeps.items():
            _draw(found, signal, page, figures / name.replace("/", "-") if len(sweeps) > 1 else figures)
    table.emit(value | ({"unreadable": unreadable} if unreadable else {}), json, tables)
    tell(unreadable)


def _draw(found: Sweep, signal: str | None, page: Page, folder: Path) -> None:
    from nasbench_harness.figures import save_figures
    from nasbench_harness.figures.sweep import draw_sweep

    for path in save_figures(draw_sweep(found, page, signal), folder):
        note(f"figure {path}")
