"""A run as one HTML page, written to a file: what the verb ``report`` and ``Run.report`` do."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness import report
from nasbench_harness.api.compare import compare
from nasbench_harness.data.truths import table_for
from nasbench_harness.errors import DataError, HarnessError
from nasbench_harness.evidence import Gate
from nasbench_harness.evidence.join import join
from nasbench_harness.experiment.rejudge import rejudge
from nasbench_harness.records import Run, read_run
from nasbench_harness.report.page import MOST_BYTES, Page, build_page
from nasbench_harness.report.page.pictures import Pictures, draw_pictures
from nasbench_harness.system.files import write_text
from nasbench_harness.system.variables import TRUTH_VARIABLE
from nasbench_harness.truth import truth_of

FloatArray = npt.NDArray[np.float64]


def write_page(
    runs: Sequence[Run | Path | str],
    out: Path | str,
    *,
    baselines: Sequence[Any] = (),
    signal: str | None = None,
    truth: Any = None,
    policy: str | None = None,
    metric: str = "kendall_tau",
    margin: float = 0.03,
    across: Sequence[str] = (),
    figures: bool = False,
    most_bytes: int = MOST_BYTES,
) -> Page:
    """Write the page of runs of one protocol to ``out``, whole or not at all, and return it.

    ``runs``: runs or their folders; their units join. ``baselines``: as for ``compare``, verdicts for each of them.
    ``truth``: the table that holds the records' truth, as for ``truth_vector``; None: the one that the environment
    names or the cache holds, and where neither is what the records were judged by, the page says that it lacks it.
    ``policy``: judge the scores again by this column. ``signal``, ``metric``, ``margin``, ``across``: as for
    ``leaderboard`` and ``compare``. ``figures``: draw those of the run into the page. ``most_bytes``: of the page.

    Raises ``UsageError`` for runs of different protocols or a place that cannot be written, ``DataError`` for a folder
    without finished units, damaged records (not of a run that was read without them, which the page says), or a
    ``truth`` that the records were not judged by.
    """
    run = join([one if isinstance(one, Run) else read_run(one) for one in runs])
    named = truth if truth is not None else os.environ.get(TRUTH_VARIABLE) or None
    if policy is not None:
        run = rejudge(run, table_for(policy, named), policy)
    gates: list[Gate] = [
        compare(run, one, metric=metric, margin=margin, signal=signal, across=across, truth=named, policy=policy)
        for one in baselines
    ]
    vector_A, notes = _truth(run, truth)
    if missing := len(run.unreadable):
        stand = "unit of this run is" if missing == 1 else "units of this run are"
        notes.append(f"{missing} stored {stand} not on this page: the record cannot be read.")
    pictures = draw_pictures(run, signal, vector_A) if figures else Pictures()
    page = build_page(run, report.leaderboard(run, signal), gates, vector_A, signal, most_bytes, notes, pictures)
    write_text(out, page.html)
    return page


def _truth(run: Run, table: Any) -> tuple[FloatArray | None, list[str]]:
    """The truth of the records by our index, float64 ``[15625]``; where it is not at hand None, and a note of that."""
    if table is not None:
        return _vector(run, table), []
    faults = []
    for place in dict.fromkeys([os.environ.get(TRUTH_VARIABLE) or None, None]):
        try:
            return _vector(run, place), []
        except HarnessError as error:
            faults.append(str(error))
    return None, [f"No accuracies of single architectures on this page: {faults[-1]}"]


def _vector(run: Run, table: Any) -> FloatArray:
    said = run.records[0].truth
    opened = table_for(str(said["policy"]), table)
    found = truth_of(opened, str(said["policy"]))
    if found.sha256 != said["sha256"]:
        raise DataError(
            f"the records were judged by table {said['table']} ({said['sha256'][:12]}), and {opened.name} "
            f"({found.sha256[:12]}) is another; name that one by --truth, or judge again by --policy {said['policy']}"
        )
    return found.vector
