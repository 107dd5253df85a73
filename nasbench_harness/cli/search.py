"""The verbs of hardware-aware search: ``search`` under a constraint and ``prune``, both from tables alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from nasbench_harness.cli.output import Json, emit, note
from nasbench_harness.errors import UsageError

if TYPE_CHECKING:
    from nasbench_harness.search.constraint import Window
    from nasbench_harness.search.inputs import Cost, Scores
    from nasbench_harness.truth import Truth

Latency = Annotated[Path | None, Parameter(help="Latency table (.npz), stored predictor (JSON) or wide CSV.")]
Measured = Annotated[Path | None, Parameter(help="Table that judges --latency where that one is a prediction.")]
Devices = Annotated[list[str] | None, Parameter(negative="", help="Column of the table; several: repeat the option.")]
CountCost = Annotated[str | None, Parameter(help="In place of a latency: flops, live_flops or parameters (millions).")]
MaxLatency = Annotated[list[float] | None, Parameter(negative="", help="Upper bound of the cost; may be repeated.")]
Bounds = Annotated[
    list[tuple[float, float]] | None, Parameter(negative="", help="Lower and upper bound of the cost; may be repeated.")
]
ScoreNames = Annotated[
    list[str] | None,
    Parameter(
        negative="",
        help="FILE[:column], folder of a finished unit [:signal], or flops, live_flops, parameters; may be repeated.",
    ),
]
Oracle = Annotated[bool, Parameter(negative="", help="The truth itself as the score: how good is the search alone?")]
TruthFile = Annotated[
    Path | None,
    Parameter(env_var="NASBENCH_HARNESS_TRUTH", help="Truth table (.npz), or CSV/JSON to read as one; none: embedded."),
]
Policy = Annotated[str | None, Parameter(help="Column of the truth table; none: its first.")]
Seeds = Annotated[str, Parameter(help="Seeds of the search, such as 0,1,2.")]
Out = Annotated[Path | None, Parameter(help="Folder for the result as JSON.")]
Figures = Annotated[Path | None, Parameter(help="Folder for figures of the result, PNG and PDF.")]
Partial = Annotated[bool, Parameter(negative="", help="Accept scores that lack architectures; those are left out.")]


def register(app: App) -> None:
    """Hang the verbs on the command line."""
    app.command(search)
    app.command(prune)


def search(
    *,
    latency: Latency = None,
    device: Devices = None,
    measured: Measured = None,
    cost: CountCost = None,
    max_latency: MaxLatency = None,
    window: Bounds = None,
    scores: ScoreNames = None,
    oracle: Oracle = False,
    truth: TruthFile = None,
    policy: Policy = None,
    seeds: Seeds = "0",
    population: int = 64,
    generations: int = 40,
    allow_missing: Partial = False,
    out: Out = None,
    figures: Figures = None,
    json: Json = False,
) -> None:
    """Search for the most accurate architectures under a latency constraint (NSGA-II), judged by the truth.

    Every device with every constraint and every score gives one row. A window with no more architectures than the
    population is evaluated whole.

    Parameters
    ----------
    population
        Architectures of a generation.
    generations
        Generations bred after the first.
    """
    from rich.console import Console

    from nasbench_harness.search.report import print_search
    from nasbench_harness.search.search import search_tables
    from nasbench_harness.search.settings import SearchSettings
    from nasbench_harness.system.progress import terminal_progress

    costs, windows = _costs(latency, device, measured, cost), _windows(max_latency, window)
    known, named = _scores(scores, oracle, truth, policy, allow_missing)
    settings = SearchSettings(population, generations)
    with terminal_progress(Console(stderr=True)) as progress:
        result = search_tables(named, costs, windows, known, _seeds(seeds), settings, progress)
    keep(result, out, figures, "search")
    emit(result, json, lambda console: print_search(result, console))


def prune(
    *,
    latency: Latency = None,
    device: Devices = None,
    measured: Measured = None,
    cost: CountCost = None,
    max_latency: MaxLatency = None,
    window: Bounds = None,
    scores: ScoreNames = None,
    oracle: Oracle = False,
    truth: TruthFile = None,
    policy: Policy = None,
    thresholds: str = "0.01",
    stages: int = 2,
    counting: str = "archive",
    seeds: Seeds = "0",
    population: int = 64,
    generations: int = 40,
    allow_missing: Partial = False,
    out: Out = None,
    figures: Figures = None,
    json: Json = False,
) -> None:
    """Prune the space as PAD-NAS does: search in the window, remove the operations that good architectures avoid.

    Tells for each stage what was removed and why, the size of the space, and what the true optimum in the window lost.

    Parameters
    ----------
    thresholds
        Operations at most this frequent (P_th) are removed, such as 0,0.01,0.05,0.1; each is a run of its own.
    stages
        How many times to prune.
    counting
        Whose operations are counted: all architectures seen (archive) or the last generation (population).
    population
        Architectures of a generation.
    generations
        Generations bred after the first.
    """
    from rich.console import Console

    from nasbench_harness.search.report import print_prune
    from nasbench_harness.search.settings import SearchSettings
    from nasbench_harness.search.tables import prune_tables
    from nasbench_harness.system.progress import terminal_progress

    costs, windows = _costs(latency, device, measured, cost), _windows(max_latency, window)
    known, named = _scores(scores, oracle, truth, policy, allow_missing)
    settings = SearchSettings(population, generations)
    limits = _numbers(thresholds, "--thresholds")
    with terminal_progress(Console(stderr=True)) as progress:
        result = prune_tables(named, costs, windows, known, _seeds(seeds), limits, stages, counting, settings, progress)
    keep(result, out, figures, "prune")
    emit(result, json, lambda console: print_prune(result, console))


def _costs(latency: Path | None, device: list[str] | None, measured: Path | None, cost: str | None) -> list[Cost]:
    from nasbench_harness.search.inputs import costs_from

    return costs_from(latency, device or [], measured, cost)


def _windows(max_latency: list[float] | None, window: list[tuple[float, float]] | None) -> list[Window]:
    from nasbench_harness.search.constraint import Window

    windows = [Window(None, high) for high in max_latency or []] + [Window(low, high) for low, high in window or []]
    if not windows:
        raise UsageError("no constraint: name --max-latency MS or --window LO HI")
    return windows


def _scores(
    scores: list[str] | None, oracle: bool, truth: Path | None, policy: str | None, allow_missing: bool
) -> tuple[Truth, list[Scores]]:
    from nasbench_harness.search.inputs import oracle_of, scores_from, truth_from

    if not scores and not oracle:
        raise UsageError("no scores: name --scores FILE[:column] (or flops), or take the truth itself by --oracle")
    known = truth_from(truth, policy)
    return known, [oracle_of(known)] * oracle + [scores_from(text, allow_missing) for text in scores or []]


def _seeds(text: str) -> list[int]:
    try:
        seeds = [int(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise UsageError(f"--seeds takes whole numbers with commas, such as 0,1,2; found {text!r}") from error
    if not seeds or min(seeds) < 0:
        raise UsageError(f"--seeds takes numbers from 0 on, such as 0,1,2; found {text!r}")
    return list(dict.fromkeys(seeds))


def _numbers(text: str, option: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise UsageError(f"{option} takes numbers with commas, such as 0,0.01; found {text!r}") from error
    if not numbers:
        raise UsageError(f"{option} needs at least one number, such as 0.01")
    return numbers


def keep(result: dict[str, Any], out: Path | None, figures: Path | None, name: str) -> None:
    """Store the result as ``OUT/name.json`` and its figures, where asked."""
    from nasbench_harness.system.files import write_json

    if out is not None:
        path = out / f"{name}.json"
        write_json(path, result)
        note(f"result in {path}")
    if figures is not None:
        from nasbench_harness.figures import save_figures
        from nasbench_harness.figures.hardware import draw_hardware

        for path in save_figures(draw_hardware(result), figures):
            note(f"figure {path}")
