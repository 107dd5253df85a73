"""The verbs of hardware-aware search: ``search`` under a constraint and ``prune``, both from tables alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from nasbench_harness.cli.options import STDOUT_ONLY, Destination, Flag, Json, Policy, TruthFile, items
from nasbench_harness.cli.output import emit, keep
from nasbench_harness.errors import UsageError

if TYPE_CHECKING:
    from nasbench_harness.search.constraint import Window
    from nasbench_harness.search.inputs import Cost, Scores
    from nasbench_harness.search.settings import SearchSettings
    from nasbench_harness.truth import Truth


@Parameter(name="*")
@dataclass(frozen=True)
class Problems:
    """What both verbs look for: every device with every constraint and every score is one problem."""

    latency: Annotated[Path | None, Parameter(help="Latency table (.npz), stored predictor (JSON) or wide CSV.")] = None
    device: Annotated[
        list[str] | None, Parameter(negative="", help="Column of the table; several: repeat the option.")
    ] = None
    measured: Annotated[Path | None, Parameter(help="Table that judges --latency where that one is a prediction.")] = (
        None
    )
    cost: Annotated[
        str | None, Parameter(help="In place of a latency: flops, live_flops or parameters (millions).")
    ] = None
    max_latency: Annotated[
        list[float] | None, Parameter(negative="", help="Upper bound of the cost; may be repeated.")
    ] = None
    window: Annotated[
        list[tuple[float, float]] | None,
        Parameter(negative="", help="Lower and upper bound of the cost; may be repeated."),
    ] = None
    scores: Annotated[
        list[str] | None,
        Parameter(
            negative="",
            help="FILE[:column], folder of a finished unit [:signal], or flops, live_flops, parameters; "
            "may be repeated.",
        ),
    ] = None
    oracle: Annotated[
        bool,
        Parameter(negative="", show_default=False, help="The truth itself as the score: how good is the search alone?"),
    ] = False
    truth: TruthFile = None
    policy: Policy = None

    def costs(self) -> list[Cost]:
        """The costs of the devices, or the one count."""
        from nasbench_harness.search.inputs import costs_from

        return costs_from(self.latency, self.device or [], self.measured, self.cost)

    def windows(self) -> list[Window]:
        """The constraints. Raises ``UsageError`` where none is named."""
        from nasbench_harness.search.constraint import Window

        windows = [Window(None, high) for high in self.max_latency or []]
        windows += [Window(low, high) for low, high in self.window or []]
        if not windows:
            raise UsageError("no constraint: name --max-latency MS or --window LO HI")
        return windows

    def known(self, allow_missing: bool) -> tuple[Truth, list[Scores]]:
        """The truth and the scores. Raises ``UsageError`` where no scores are named, or no truth that fits them."""
        from nasbench_harness.data.truths import path_for
        from nasbench_harness.search.inputs import oracle_of, scores_from, truth_from

        if not self.scores and not self.oracle:
            raise UsageError("no scores: name --scores FILE[:column] (or flops), or take the truth itself by --oracle")
        named = [scores_from(text, allow_missing) for text in self.scores or []]
        known = truth_from(path_for(self.policy, self.truth), self.policy, named)
        return known, [oracle_of(known)] * self.oracle + named

    def scored(self, allow_missing: bool) -> tuple[Truth | None, list[Scores]]:
        """As ``known``, but no truth is needed where none is named and none is the score."""
        from nasbench_harness.search.inputs import scores_from

        if self.oracle or not self.scores or self.truth is not None or self.policy is not None:
            return self.known(allow_missing)
        return None, [scores_from(text, allow_missing) for text in self.scores]


@Parameter(name="*")
@dataclass(frozen=True)
class Effort:
    """How long both verbs search, and how often."""

    seeds: Annotated[str, Parameter(help="Seeds of the search, such as 0,1,2.")] = "0"
    population: Annotated[int, Parameter(help="Architectures of a generation.")] = 64
    generations: Annotated[int, Parameter(help="Generations bred after the first.")] = 40

    def settings(self) -> SearchSettings:
        """Population and generations, checked."""
        from nasbench_harness.search.settings import SearchSettings

        return SearchSettings(self.population, self.generations)

    def seed_numbers(self) -> list[int]:
        """The seeds, each once. Raises ``UsageError`` for what is no number from 0 on."""
        try:
            seeds = [int(part) for part in items(self.seeds)]
        except ValueError as error:
            raise UsageError(f"--seeds takes whole numbers with commas, such as 0,1,2; found {self.seeds!r}") from error
        if not seeds or min(seeds) < 0:
            raise UsageError(f"--seeds takes numbers from 0 on, such as 0,1,2; found {self.seeds!r}")
        return list(dict.fromkeys(seeds))


NO_PROBLEMS = Problems()
USUAL_EFFORT = Effort()
Incomplete = Annotated[
    bool, Parameter(negative="", show_default=False, help="Accept scores that lack architectures; those are left out.")
]


def search(
    *,
    problems: Problems = NO_PROBLEMS,
    effort: Effort = USUAL_EFFORT,
    best: Flag = False,
    top: int | None = None,
    allow_missing: Incomplete = False,
    destination: Destination = STDOUT_ONLY,
    json: Json = False,
) -> None:
    """Search for the most accurate architectures under a latency constraint (NSGA-II), judged by the truth.

    Every device with every constraint and every score gives one row. A window with no more architectures than the
    population is evaluated whole. With ``--best`` every architecture is looked at, and the answer is the one to deploy.

    Parameters
    ----------
    best
        Print one architecture for each device and limit: its string and drawing, latency, expected accuracy, and
        alternatives on the front. Where a latency is only predicted, a margin for the predictor's errors is kept.
        Needs no truth.
    top
        With --best: how many architectures of the front to print, the best first; none: 4.
    """
    if best:
        _print_best(problems, effort, 4 if top is None else top, allow_missing, destination, json)
        return
    if top is not None:
        raise UsageError("--top N belongs to --best; name both")
    from rich.console import Console

    from nasbench_harness.search.report import print_search
    from nasbench_harness.search.search import search_tables
    from nasbench_harness.system.progress import terminal_progress

    destination.check()
    costs, windows = problems.costs(), problems.windows()
    known, named = problems.known(allow_missing)
    with terminal_progress(Console(stderr=True)) as progress:
        result = search_tables(named, costs, windows, known, effort.seed_numbers(), effort.settings(), progress)
    keep(result, destination, "search")
    emit(result, json, lambda console: print_search(result, console))


def _print_best(
    problems: Problems, effort: Effort, top: int, allow_missing: bool, destination: Destination, json: bool
) -> None:
    from nasbench_harness.search.best import best_tables
    from nasbench_harness.search.best_report import print_best

    if effort != USUAL_EFFORT:
        raise UsageError("--best looks at every architecture; leave out --seeds, --population and --generations")
    if top < 1:
        raise UsageError(f"--top takes a number from 1 on, found {top}")
    if destination.figures is not None:
        raise UsageError("--best draws no figure; leave out --figures, or --best")
    costs, windows = problems.costs(), problems.windows()
    known, named = problems.scored(allow_missing)
    result = best_tables(named, costs, windows, known, top)
    keep(result, destination, "best")
    emit(result, json, lambda console: print_best(result, console))


def prune(
    *,
    problems: Problems = NO_PROBLEMS,
    thresholds: str = "0.01",
    stages: int = 2,
    counting: str = "archive",
    effort: Effort = USUAL_EFFORT,
    allow_missing: Incomplete = False,
    destination: Destination = STDOUT_ONLY,
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
    """
    from rich.console import Console

    from nasbench_harness.search.report import print_prune
    from nasbench_harness.search.tables import prune_tables
    from nasbench_harness.system.progress import terminal_progress

    destination.check()
    costs, windows = problems.costs(), problems.windows()
    known, named = problems.known(allow_missing)
    limits = _numbers(thresholds, "--thresholds")
    with terminal_progress(Console(stderr=True)) as progress:
        result = prune_tables(
            named, costs, windows, known, effort.seed_numbers(), limits, stages, counting, effort.settings(), progress
        )
    keep(result, destination, "prune")
    emit(result, json, lambda console: print_prune(result, console))


def _numbers(text: str, option: str) -> list[float]:
    try:
        numbers = [float(part) for part in items(text)]
    except ValueError as error:
        raise UsageError(f"{option} takes numbers with commas, such as 0,0.01; found {text!r}") from error
    if not numbers:
        raise UsageError(f"{option} needs at least one number, such as 0.01")
    return numbers
