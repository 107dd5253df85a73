"""The verbs on a stored run: ``leaderboard`` and ``figures``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from nasbench_harness.cli.options import Flag, Json, JudgingPolicies, JudgingTruth, RunFolder, Signal, items
from nasbench_harness.cli.output import emit, note
from nasbench_harness.cli.readable import readable, tell
from nasbench_harness.cli.tables import PLAIN_TABLE, TableOptions
from nasbench_harness.errors import UsageError

if TYPE_CHECKING:
    from nasbench_harness.figures import TruthOf
    from nasbench_harness.records import Run
    from nasbench_harness.report import Leaderboard


def leaderboard(
    run_dir: RunFolder,
    /,
    *,
    also: Annotated[list[Path] | None, Parameter(name="--and", negative="")] = None,
    scores: Annotated[list[str] | None, Parameter(negative="")] = None,
    signal: Signal = None,
    policy: JudgingPolicies = None,
    truth: JudgingTruth = None,
    table: TableOptions = PLAIN_TABLE,
    json: Json = False,
) -> None:
    """The strategies of a stored run in one table, best first, beside FLOPs rankings and the noise ceiling.

    Parameters
    ----------
    also
        Another run folder of the same protocol, whose units join the table; repeat the option.
    scores
        ``NAME=FILE``: a score file as a row, judged by the run's truth; repeat the option, with one name for seeds.
    """
    from nasbench_harness.evidence.join import join
    from nasbench_harness.report import SideBySide
    from nasbench_harness.report import leaderboard as make
    from nasbench_harness.report.cells import table_of

    read, unreadable = readable([run_dir, *(also or [])], curves=bool(also or policy))
    folders = [judged(run, policy, truth, for_table=True) for run in read]
    runs = [join([judged[name] for judged in folders]) for name in folders[0]]
    boards = tuple(_with_scores(make(run, signal), run, scores or [], truth) for run in runs)
    shown = SideBySide(boards) if len(boards) > 1 else boards[0]
    value = shown.to_json() | ({"unreadable": unreadable} if unreadable else {})
    table.emit(value, json, [shown.table() if isinstance(shown, SideBySide) else table_of(shown)])
    tell(unreadable)


def figures(
    run_dir: RunFolder,
    /,
    *,
    out: Path | None = None,
    width: str = "neurips",
    strategies: str | None = None,
    highlight: str | None = None,
    only: str | None = None,
    each: Flag = False,
    signal: Signal = None,
    policy: JudgingPolicies = None,
    truth: JudgingTruth = None,
    json: Json = False,
) -> None:
    """Draw the figures of a stored run as PNG and PDF, each beside its caption.

    What cannot be drawn from these records is named on stderr with the reason; the others are drawn. In place of a run:
    a JSON file that ``search``, ``prune``, ``latency residuals`` or ``latency matrix`` stored.

    Parameters
    ----------
    out
        Folder of the figures; none: ``plots/<experiment>``. Of several policies each has a folder in it.
    width
        Width and letters of a venue: ``neurips``, ``icml``, ``cvpr``, ``ieee`` or ``lncs``; or inches. Include the file
        unscaled.
    strategies
        Draw these alone, with commas between them.
    highlight
        Those that stand out where not all can, with commas between them; none: the best of each family.
    only
        Names of figures, with commas between them; none: all.
    each
        Draw a figure for every strategy too, where a figure shows a few.
    """
    from nasbench_harness.figures import draw_run, save_figures

    if run_dir.is_file():
        if strategies or highlight or each or signal or policy:
            raise UsageError(f"{run_dir.name} is no run: of the options only --out, --width and --only apply to it")
        _draw_result(run_dir, out or Path("plots") / "hardware", width, items(only), json)
        return
    [stored], unreadable = readable([run_dir])
    folder = out or Path("plots") / stored.name
    paths: list[Path] = []
    skipped: dict[str, str] = {}
    captions: dict[str, str] = {}
    by_policy = judged(stored, policy, truth)
    for name, run in by_policy.items():
        gallery = draw_run(
            run,
            signal,
            width=width,
            strategies=items(strategies),
            highlight=items(highlight),
            only=items(only),
            each=each,
            truth_of=_truths(truth),
        )
        beneath = name and (len(by_policy) > 1 or out is None)  # the stored judgement is not drawn over
        place = folder / name.replace("/", "-") if beneath else folder
        paths += save_figures(gallery.drawn, place)
        captions |= {str(place / figure): drawn.caption for figure, drawn in gallery.drawn.items()}
        skipped |= {str(place / figure): why for figure, why in gallery.skipped.items()}
    for figure, why in skipped.items():
        note(f"skipped {figure}: {why}")
    result = {"files": [str(path) for path in paths], "captions": captions, "skipped": skipped}
    result |= {"unreadable": unreadable} if unreadable else {}
    emit(result, json, lambda console: console.print("\n".join(result["files"]), highlight=False, soft_wrap=True))
    tell(unreadable)


def _draw_result(file: Path, folder: Path, width: str, only: list[str], json: bool) -> None:
    from nasbench_harness.figures import save_figures
    from nasbench_harness.figures.hardware import draw_stored

    found = draw_stored(file, width, only)
    paths = [str(path) for path in save_figures(found, folder)]
    result = {"files": paths, "captions": {str(folder / name): drawn.caption for name, drawn in found.items()}}
    emit(
        {**result, "skipped": {}},
        json,
        lambda console: console.print("\n".join(paths), highlight=False, soft_wrap=True),
    )


def _truths(path: Path | None) -> TruthOf:
    """Accuracies by policy, from the table that is named or at hand."""
    from functools import cache

    from nasbench_harness.data.truths import truth_vector

    return cache(lambda policy: truth_vector(policy, path, allow_missing=True))


def judged(run: Run, policies: str | None, truth: Path | None, for_table: bool = False) -> dict[str, Run]:
    """The run as it is stored, by the name ``""``; or judged again by each of the policies that are named."""
    names = items(policies)
    if not names:
        return {"": run}
    from nasbench_harness.data.truths import path_for
    from nasbench_harness.experiment.rejudge import rejudge_by_each
    from nasbench_harness.truth import open_table

    return rejudge_by_each(run, open_table(path_for(names[0], truth)), names, for_table)


def _with_scores(board: Leaderboard, run: Run, named: list[str], truth: Path | None) -> Leaderboard:
    """The board with rows of score files, ``NAME=FILE`` each."""
    if not named:
        return board
    from nasbench_harness.api.boards import named_files, with_scores
    from nasbench_harness.data.truths import table_for

    return with_scores(board, run, named_files(named), table_for(str(run.records[0].truth["policy"]), truth))
