"""The command line: each verb parses, calls, prints; results on stdout (``--json`` everywhere), the rest on stderr.

Exit codes: 0 done, 1 regression found, 2 wrong usage, 3 data missing or corrupt, 4 a run failed, 130 interrupted.
Heavy modules are imported inside the verbs, so that ``--help``, ``score`` and ``figures`` start without torch.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, CycloptsError, Parameter

from nasbench_harness import __version__
from nasbench_harness.cli.data import data_app
from nasbench_harness.cli.latency import latency_app
from nasbench_harness.cli.latency_compare import register_tables
from nasbench_harness.cli.output import Json, emit, note
from nasbench_harness.cli.plugins import check, new
from nasbench_harness.cli.predict import predict
from nasbench_harness.cli.search import register
from nasbench_harness.cli.truth import truth_app
from nasbench_harness.errors import HarnessError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from nasbench_harness.report import Leaderboard

app = App(
    name="nasbench-harness",
    help="Does a way of partitioning a weight-sharing supernet rank architectures better? Measured on NAS-Bench-201.",
    version=__version__,
    help_epilogue=(
        "Exit codes: 0 done, 1 regression found, 2 wrong usage, 3 data missing or corrupt, 4 a run failed, "
        "130 interrupted."
    ),
    help_format="plaintext",  # of the first page alone (see below): markdown takes 50 ms to import
    suppress_keyboard_interrupt=False,
    result_action="return_value",
)
app.command(truth_app)
app.command(data_app)
app.command(latency_app)
register(app)
register_tables(latency_app)
app.command(predict)
app.command(check)
app.command(new)

Images = Annotated[
    Path | None,
    Parameter(env_var="NASBENCH_HARNESS_IMAGES", help="Folder of the official image files; not needed for the digits."),
]
TruthFile = Annotated[
    Path | None,
    Parameter(env_var="NASBENCH_HARNESS_TRUTH", help="Truth table (.npz), or CSV/JSON to read as one; none: embedded."),
]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code; every expected error is one line on stderr."""
    try:
        app(sys.argv[1:] if arguments is None else list(arguments), print_error=False, exit_on_error=False)
    except HarnessError as error:
        return _fail(error, error.exit_code)
    except CycloptsError as error:
        return _fail(error, UsageError.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted; finished units and checkpoints are kept, the same command goes on", 130)
    except BrokenPipeError:
        # the reader of our stdout has seen enough; nothing may be written to it at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception:
        # a fault of the harness itself: its traceback is the report, and 1 would claim a regression
        traceback.print_exc()
        return _fail("this is a fault of nasbench-harness; please report the lines above", 4)
    return 0


def _fail(error: object, code: int) -> int:
    text = " ".join(str(error).split())
    print(f"nasbench-harness: {text}", file=sys.stderr)
    return code


def _listed(text: str | None) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()] if text else []


@app.command
def run(
    experiment: str,
    /,
    *overrides: str,
    images: Images = None,
    split: Path | None = None,
    truth: TruthFile = None,
    out: Path | None = None,
    seeds: str | None = None,
    strategies: str | None = None,
    device: str = "cpu",
    threads: int | None = None,
    workers: int = 1,
    replace: Annotated[bool, Parameter(negative="")] = False,
    fetch: Annotated[bool, Parameter(negative="")] = False,
    json: Json = False,
) -> None:
    """Train every strategy of an experiment, score all architectures, compare with the truth.

    Finished (strategy, seed) units are kept, unfinished ones leave checkpoints: the same command goes on.

    Parameters
    ----------
    experiment
        Name of a preset (see ``ls presets``) or a TOML file.
    overrides
        Changes of single settings, such as ``budget.epochs=2 training.learning_rate=0.05``.
    split
        JSON file with the training and validation images of CIFAR-10; none: the benchmark's own 25,000/25,000.
    out
        Folder of the records; none: ``results/<experiment>``. The points of a grid have folders inside it.
    seeds
        Seeds in place of the experiment's, such as ``0,1,2``.
    strategies
        Some of the experiment's strategies, such as ``one-shot-uniform,efs-group``; ``all`` is the default.
    device
        Torch device, such as ``cpu`` or ``cuda``.
    threads
        Threads of torch for each process; none: the cores divided by the workers. Part of what a result depends on.
    workers
        Processes at the same time: for units first, then for the sub-supernets and the scoring of those that are left.
    replace
        Run anew what is stored, even under another protocol.
    fetch
        Fetch the images and the truth table that are needed, not given by path and not here yet.
    """
    from rich.console import Console

    from nasbench_harness.data import resolve
    from nasbench_harness.experiment import load_experiments, select_strategies, with_seeds
    from nasbench_harness.records import read_run
    from nasbench_harness.report import leaderboard, print_leaderboard, render_markdown
    from nasbench_harness.runner import Sources, run_experiment
    from nasbench_harness.system.files import write_json, write_text
    from nasbench_harness.system.progress import terminal_progress

    experiments = load_experiments(experiment, overrides)
    boards: dict[Path, Leaderboard] = {}
    for point, one in experiments.items():
        described = with_seeds(select_strategies(one, _listed(strategies)), _listed(seeds))
        folder = (out or Path("results") / described.name) / point
        if point:
            note(f"{described.name}, grid point {len(boards) + 1} of {len(experiments)}: {point}")
        with terminal_progress(Console(stderr=True)) as progress:
            found_images, found_truth = resolve(described, images, truth, fetch, progress)
            sources = Sources(found_images, split, found_truth, device, threads)
            run_experiment(described, sources, folder, progress, note, replace, workers)
        board = boards[folder] = leaderboard(read_run(folder))
        write_json(folder / "leaderboard.json", board.to_json())
        write_text(folder / "leaderboard.md", render_markdown(board))
        note(f"records in {folder}; figures: nasbench-harness figures {folder}")
    results = [{"folder": str(folder), **board.to_json()} for folder, board in boards.items()]
    result = {"experiments": results} if len(results) > 1 else results[0]

    def draw(console: Console) -> None:
        for board in boards.values():
            print_leaderboard(board, console)

    emit(result, json, draw)


@app.command
def leaderboard(run_dir: Path, /, *, signal: str | None = None, markdown: bool = False, json: Json = False) -> None:
    """The strategies of a stored run in one table, best first, beside FLOPs rankings and the noise ceiling.

    Parameters
    ----------
    run_dir
        Folder of the records of one experiment.
    signal
        ``accuracy`` or ``negative_loss``; none: the experiment's headline.
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


@app.command
def figures(run_dir: Path, /, *, out: Path | None = None, signal: str | None = None, json: Json = False) -> None:
    """Draw the figures of a stored run as PNG and PDF.

    Parameters
    ----------
    run_dir
        Folder of the records of one experiment.
    out
        Folder of the figures; none: ``plots/<experiment>``.
    signal
        ``accuracy`` or ``negative_loss``; none: the experiment's headline.
    """
    from nasbench_harness.figures import draw_run, save_figures
    from nasbench_harness.records import read_run

    stored = read_run(run_dir)
    paths = save_figures(draw_run(stored, signal), out or Path("plots") / stored.name)
    files = [str(path) for path in paths]
    emit({"files": files}, json, lambda console: console.print("\n".join(files), highlight=False))


@app.command
def score(
    scores: Path,
    /,
    *,
    truth: TruthFile = None,
    policy: str | None = None,
    truth_column: str | None = None,
    allow_missing: Annotated[bool, Parameter(negative="")] = False,
    resamples: int = 200,
    json: Json = False,
) -> None:
    """Judge scores from anywhere against a truth: tau-b, Spearman, top-k and more, each with an interval.

    Parameters
    ----------
    scores
        CSV with ``arch`` or the benchmark's ``index`` and score columns, JSON {architecture: score}, or scores.parquet.
    policy
        Column of the truth table, such as ``cifar10_test_200``; none: its first column.
    truth_column
        Column of the score file itself to take as the truth.
    allow_missing
        Accept a file that does not score every architecture; n then says how many it does.
    resamples
        Bootstrap resamples behind the intervals.
    """
    from nasbench_harness.evaluation.judge import judge_file
    from nasbench_harness.report.judgement import print_judgement

    result = judge_file(scores, truth, policy, truth_column, allow_missing, resamples)
    emit(result, json, lambda console: print_judgement(result, console))


@app.command
def ls(family: str | None = None, /, *, json: Json = False) -> None:
    """List what can be named: presets, methods, strategies, partitioners, samplers, predictors.

    Parameters
    ----------
    family
        One of the families only.
    """
    from nasbench_harness.catalogue import broken_plugins, catalogue, print_catalogue

    found = catalogue(family)
    emit(found, json, lambda console: print_catalogue(found, console))
    for line in broken_plugins():
        note(line)


@app.command
def doctor(*, json: Json = False) -> None:
    """Check this machine: Python, torch, devices, memory, disk, packages, data (exit code 3: something is missing)."""
    from nasbench_harness.errors import DataError
    from nasbench_harness.system.environment import doctor as examine
    from nasbench_harness.system.environment import print_checks

    checks = examine()
    emit([check.to_json() for check in checks], json, lambda console: print_checks(checks, console))
    failed = [check.name for check in checks if check.status == "fail"]
    if failed:
        raise DataError(f"{len(failed)} checks failed ({', '.join(failed)}); their remedies stand above")


for verb in app.resolved_commands():
    app[verb].help_format = "markdown"


if __name__ == "__main__":
    sys.exit(main())
