"""The verb ``report``: a run as one HTML page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from nasbench_harness.cli.options import Flag, Json, Signal
from nasbench_harness.cli.output import emit
from nasbench_harness.cli.readable import readable, tell
from nasbench_harness.errors import UsageError
from nasbench_harness.system.variables import TRUTH_VARIABLE

if TYPE_CHECKING:
    from rich.console import Console

    from nasbench_harness.report.page import Page


def report(
    run_dirs: Annotated[list[Path], Parameter(negative="", help="Folders of the records of one experiment.")],
    /,
    *,
    out: Path | None = None,
    baseline: Annotated[list[Path] | None, Parameter(negative="")] = None,
    margin: float = 0.03,
    across: Annotated[list[str] | None, Parameter(negative="")] = None,
    signal: Signal = None,
    policy: str | None = None,
    truth: Annotated[Path | None, Parameter(env_var=TRUTH_VARIABLE)] = None,
    figures: Flag = False,
    max_mb: float = 3.0,
    json: Json = False,
) -> None:
    """One HTML page of stored records that needs nothing from elsewhere: tables, verdicts, scatters, curves, protocol.

    Parameters
    ----------
    out
        The page; none: ``report.html`` in the first folder.
    baseline
        What ``compare`` takes as BASELINE: adds verdicts against it; repeat the option.
    margin
        The loss that verdicts accept.
    across
        Field or section of the protocol in which a baseline may differ; repeat the option.
    policy
        Judge the stored scores again by this column of the truth table; none: as stored.
    truth
        Truth table (.npz), or CSV/JSON to read as one; none: the fetched or embedded one. Without it the page lacks the
        scatter against the truth.
    figures
        Put the figures of the run on the page too, with their captions.
    max_mb
        Size that the page may have, in megabytes: scores that do not fit are left out, and the page says which.
    """
    from nasbench_harness.api.page import write_page

    if not max_mb > 0:
        raise UsageError(f"--max-mb: expected a size above 0, found {max_mb:g}; such as 3")
    if truth is not None and str(truth) == os.environ.get(TRUTH_VARIABLE):
        truth = None  # not named for these records: where it is another, the page does without
    path = run_dirs[0] / "report.html" if out is None else out
    runs, unreadable = readable(run_dirs)
    page = write_page(
        runs,
        path,
        baselines=baseline or (),
        margin=margin,
        across=across or (),
        signal=signal,
        policy=policy,
        truth=truth,
        figures=figures,
        most_bytes=int(max_mb * 1e6),
    )
    unreadable += page.damaged
    found = {"file": str(path), **page.contents} | ({"unreadable": unreadable} if unreadable else {})
    emit(found, json, lambda console: _print(page, path, console))
    tell(unreadable)


def _print(page: Page, path: Path, console: Console) -> None:
    found = page.contents
    lines = [
        str(path),
        f"{found['bytes'] / 1e6:.2f} MB, {len(found['strategies'])} strategies, {found['units']} units, scores of "
        f"{len(found['scores'])} of them{'' if found['truth'] else ', without the truth: give --truth TABLE'}",
        *(f"{one['title']}: {one['summary']}" for one in found["verdicts"]),
    ]
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
