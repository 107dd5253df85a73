"""The verb ``status``: how far a run is, from another terminal or machine."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from nasbench_harness.cli.options import Flag, Json
from nasbench_harness.cli.output import emit
from nasbench_harness.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

SECONDS_BETWEEN_LOOKS = 5.0


def status(
    run_dir: Annotated[Path, Parameter(help="Folder that ``run`` writes to, or that of a grid.")],
    /,
    *,
    watch: Flag = False,
    json: Json = False,
) -> None:
    """How far a run is: finished, running, failed and waiting units, and when all will be done.

    Only reads the folder, so it works from another terminal, or another machine that shares the folder.

    Parameters
    ----------
    watch
        Show it again every 5 seconds, until no unit runs or Ctrl-C.
    """
    from nasbench_harness.experiment.status import read_status
    from nasbench_harness.report.status import print_status

    if watch and json:
        raise UsageError("--watch draws on a terminal: give it without --json")
    if watch:
        with suppress(KeyboardInterrupt):  # the usual end: nothing is interrupted but the looking
            _watch(run_dir)
        return
    runs = read_status(run_dir)
    values = [run.to_json() for run in runs]

    def draw(console: Console) -> None:
        for run in runs:
            print_status(run, console)

    emit(values[0] if len(values) == 1 else {"runs": values}, json, draw)


def _watch(run_dir: Path) -> None:
    from rich.console import Console

    from nasbench_harness.experiment.status import read_status
    from nasbench_harness.report.status import print_status
    from nasbench_harness.system.heartbeat import RUNNING

    console = Console()
    while True:
        runs = read_status(run_dir)
        if console.is_terminal:
            console.clear()
        for run in runs:
            print_status(run, console)
        if not any(run.of(RUNNING) for run in runs):
            return
        time.sleep(SECONDS_BETWEEN_LOOKS)
