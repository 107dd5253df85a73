"""The verbs on a stored run: ``leaderboard`` and ``figures``."""

from __future__ import annotations

from pathlib import Path

from nasbench_harness.cli.options import Json, RunFolder, Signal
from nasbench_harness.cli.output import emit, emit_files


def leaderboard(run_dir: RunFolder, /, *, signal: Signal = None, markdown: bool = False, json: Json = False) -> None:
    """The strategies of a stored run in one table, best first, beside FLOPs rankings and the noise ceiling.

    Parameters
    ----------
    markdown
        Print as Markdown.
    """
    from nasbench_harness.records import read_run
    from nasbench_harness.report import leaderboard as make
    from nasbench_harness.report import print_leaderboard, render_markdown

    board = make(read_run(run_dir), signal)
    if markdown and not json:
        print(render_markdown(board), end="")
    else:
        emit(board.to_json(), json, lambda console: print_leaderboard(board, console))


def figures(run_dir: RunFolder, /, *, out: Path | None = None, signal: Signal = None, json: Json = False) -> None:
    """Draw the figures of a stored run as PNG and PDF.

    Parameters
    ----------
    out
        Folder of the figures; none: ``plots/<experiment>``.
    """
    from nasbench_harness.figures import draw_run, save_figures
    from nasbench_harness.records import read_run

    stored = read_run(run_dir)
    paths = save_figures(draw_run(stored, signal), out or Path("plots") / stored.name)
    emit_files([str(path) for path in paths], json)
