"""The verbs on a stored run: ``leaderboard`` and ``figures``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nasbench_harness.cli.options import Json, JudgingPolicies, JudgingTruth, RunFolder, Signal, items
from nasbench_harness.cli.output import emit, emit_files

if TYPE_CHECKING:
    from nasbench_harness.records import Run


def leaderboard(
    run_dir: RunFolder,
    /,
    *,
    signal: Signal = None,
    policy: JudgingPolicies = None,
    truth: JudgingTruth = None,
    markdown: bool = False,
    json: Json = False,
) -> None:
    """The strategies of a stored run in one table, best first, beside FLOPs rankings and the noise ceiling.

    Parameters
    ----------
    markdown
        Print as Markdown.
    """
    from nasbench_harness.records import read_run
    from nasbench_harness.report import SideBySide, print_leaderboard, render_markdown
    from nasbench_harness.report import leaderboard as make

    runs = list(_judged(read_run(run_dir), policy, truth).values())
    boards = tuple(make(run, signal) for run in runs)
    if len(boards) > 1:
        table = SideBySide(boards)
        if markdown and not json:
            print(table.to_markdown(), end="")
        else:
            emit(table.to_json(), json, table.print)
    elif markdown and not json:
        print(render_markdown(boards[0]), end="")
    else:
        emit(boards[0].to_json(), json, lambda console: print_leaderboard(boards[0], console))


def figures(
    run_dir: RunFolder,
    /,
    *,
    out: Path | None = None,
    signal: Signal = None,
    policy: JudgingPolicies = None,
    truth: JudgingTruth = None,
    json: Json = False,
) -> None:
    """Draw the figures of a stored run as PNG and PDF.

    Parameters
    ----------
    out
        Folder of the figures; none: ``plots/<experiment>``. Of several policies each has a folder in it.
    """
    from nasbench_harness.figures import draw_run, save_figures
    from nasbench_harness.records import read_run

    stored = read_run(run_dir)
    folder = out or Path("plots") / stored.name
    paths = []
    judged = _judged(stored, policy, truth)
    for name, run in judged.items():
        beneath = name and (len(judged) > 1 or out is None)  # the stored judgement is not drawn over
        paths += save_figures(draw_run(run, signal), folder / name.replace("/", "-") if beneath else folder)
    emit_files([str(path) for path in paths], json)


def _judged(run: Run, policies: str | None, truth: Path | None) -> dict[str, Run]:
    """The run as it is stored, by the name ``""``; or judged again by each of the policies that are named."""
    names = items(policies)
    if not names:
        return {"": run}
    from nasbench_harness.data.truths import path_for
    from nasbench_harness.evaluation.rejudge import rejudge_by_each
    from nasbench_harness.truth import open_table

    return rejudge_by_each(run, open_table(path_for(names[0], truth)), names)
