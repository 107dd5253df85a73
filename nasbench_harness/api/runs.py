"""Experiments run and read from a notebook."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasbench_harness import records
from nasbench_harness.api.inputs import as_truth
from nasbench_harness.api.leaderboard import Leaderboard, leaderboard
from nasbench_harness.api.progress import in_notebook, notebook_shell, shown_progress
from nasbench_harness.data.truths import table_for, truth_vector
from nasbench_harness.errors import DataError
from nasbench_harness.experiment import Experiment, load_experiment, select_strategies, with_seeds
from nasbench_harness.experiment.rejudge import rejudge
from nasbench_harness.figures import draw_run, save_figures
from nasbench_harness.records import Record, ScoreTable, read_scores, unit_dir
from nasbench_harness.records.store import all_stored
from nasbench_harness.system.files import write_json, write_text
from nasbench_harness.system.live import stamp
from nasbench_harness.system.progress import Progress
from nasbench_harness.system.stopping import seconds_of
from nasbench_harness.system.variables import IMAGES_VARIABLE, TRUTH_VARIABLE

MOST_READ_BY_SHARDS = 1000
"""Units of a run up to which each of its shards shows all that is finished; in larger ones that would be most of the
work, for each of many shards would read every record there is."""

if TYPE_CHECKING:
    import polars
    from matplotlib.figure import Figure

    from nasbench_harness.engines.units import Sources
    from nasbench_harness.supernet.weights import TrainedNetworks


class Run(records.Run):
    """All finished units of one experiment: ``records``, ``name``, ``strategies``, ``of(strategy)``, ``folder``.

    A notebook shows its leaderboard.
    """

    def record(self, strategy: str | None = None, seed: int | None = None) -> Record:
        """The record of one unit; what there is only one of needs no name. ``DataError`` names the units there are."""
        found = [r for r in self.records if strategy in (None, r.strategy) and seed in (None, r.seed)]
        if len(found) != 1:
            fault = "several units fit" if found else "no such unit"
            units = ", ".join(f"{r.strategy} seed {r.seed}" for r in found or self.records)
            raise DataError(f"{self.folder}: {fault}: name a strategy and a seed; there are {units}")
        return found[0]

    def score_table(self, strategy: str | None = None, seed: int | None = None) -> ScoreTable:
        """The scores of one unit as numpy arrays: ``index`` ``[A]``, ``leaf`` ``[A]``, ``scores`` by signal ``[A]``."""
        record = self.record(strategy, seed)
        return read_scores(unit_dir(self.folder, record.strategy, record.seed))

    def scores(self, strategy: str | None = None, seed: int | None = None, truth: Any = None) -> polars.DataFrame:
        """The scores of one unit as a data frame, one row an architecture, by our index.

        Columns: ``index`` (ours), ``arch``, ``benchmark_index``, ``leaf`` (-1: of none), one column a signal
        (``accuracy`` in percent, ``negative_loss``; higher is better), and ``truth`` (null: unknown) where ``truth`` is
        given as for ``evaluate``. There are 15,625 rows, or as many as the experiment samples.
        Raises ``DataError`` for an unknown unit or a damaged file.
        """
        import polars as pl

        from nasbench_harness.space import all_strings
        from nasbench_harness.truth import benchmark_index

        table, names = self.score_table(strategy, seed), all_strings()
        columns: dict[str, Any] = {
            "index": table.index,
            "arch": [names[index] for index in table.index.tolist()],
            "benchmark_index": benchmark_index()[table.index],
            "leaf": table.leaf,
            **table.scores,
        }
        if truth is not None:
            columns["truth"] = as_truth(truth)[0].vector[table.index]
        return pl.DataFrame(columns, nan_to_null=True)

    def judged_by(self, policy: str, truth: Any = None) -> Run:
        """The same run with its stored scores judged again by another truth, or by metrics of today; nothing is stored.

        ``policy``: the column, such as ``cifar100_test_200``; ``truth``: its table, as for ``truth_vector``. Raises
        ``DataError`` for an unknown column or damaged scores.
        """
        return Run(**vars(rejudge(self, table_for(policy, truth), policy)))

    def weights(self, strategy: str | None = None, seed: int | None = None) -> TrainedNetworks:
        """The networks of one unit, kept by ``run --keep-weights``: ``networks``, and ``score`` to score again.

        Raises ``DataError`` for an unknown unit, or weights that are missing, damaged or of another run of it.
        """
        from nasbench_harness.supernet.weights import WEIGHTS_FILE, read_weights

        record = self.record(strategy, seed)
        return read_weights(unit_dir(self.folder, record.strategy, record.seed) / WEIGHTS_FILE, record.identity)

    def leaderboard(self, signal: str | None = None) -> Leaderboard:
        """The strategies best first; see ``nasbench_harness.leaderboard``."""
        return leaderboard(self, signal)

    def figures(self, signal: str | None = None) -> dict[str, Figure]:
        """The figures by name; see ``nasbench_harness.draw``."""
        return draw(self, signal)

    def report(self, path: Path | str, **options: Any) -> dict[str, Any]:
        """Write one HTML page of this run that needs nothing from elsewhere; what is on it, as plain values.

        ``options``: those of ``nasbench_harness.api.page.write_page``, such as ``baselines``, ``truth`` and ``policy``.
        """
        from nasbench_harness.api.page import write_page

        return write_page([self], path, **options).contents

    def __repr__(self) -> str:
        return f"Run({self.name!r}, {len(self.records)} units of {', '.join(self.strategies)}, in {str(self.folder)!r})"

    def _repr_html_(self) -> str:
        return self.leaderboard()._repr_html_()


class _Finished(Run):
    """What a call of ``run_experiment`` leaves: its table is there, its records are read when they are asked for."""

    @classmethod
    def with_board(cls, folder: Path, board: Leaderboard) -> _Finished:
        """``board``: by each record's headline signal."""
        run = object.__new__(cls)
        vars(run).update(folder=folder, elsewhere={}, unreadable=(), board=board)
        return run

    @cached_property
    def records(self) -> tuple[Record, ...]:
        """All finished units of the folder."""
        return records.read_run(self.folder).records

    def leaderboard(self, signal: str | None = None) -> Leaderboard:
        """See ``Run.leaderboard``."""
        board: Leaderboard | None = vars(self).get("board")
        return super().leaderboard(signal) if signal or board is None else board


def run_experiment(
    experiment: Experiment | Path | str,
    out: Path | str | None = None,
    *,
    strategies: Sequence[str] = (),
    seeds: Sequence[int] = (),
    images: Path | str | None = None,
    split: Path | str | None = None,
    truth: Path | str | None = None,
    device: str = "cpu",
    threads: int | None = None,
    workers: int = 1,
    replace: bool = False,
    fetch: bool = False,
    progress: Progress | bool | None = True,
    callbacks: Sequence[Callable[[Record], object]] = (),
    stop_below: float | None = None,
    keep_weights: bool = False,
    tensorboard: Path | str | None = None,
    shard: str | None = None,
    stop_after: float | str | None = None,
) -> Run:
    """Train every strategy of an experiment, score all architectures, compare with the truth, and store the records.

    Finished units are kept and unfinished ones leave checkpoints: the same call resumes. The records are those of the
    command line.

    ``experiment``: what ``load_experiment`` gives, a preset's name or a TOML file. ``out``: folder of the records;
    None: ``results/<experiment>``. ``strategies``: some of the experiment, all if none is named. ``seeds``: in place of
    the experiment's own. ``images``, ``truth``: folder of the image files and file of the truth table; None:
    as the environment variables ``NASBENCH_HARNESS_IMAGES`` and ``NASBENCH_HARNESS_TRUTH`` say, else the cache, else
    what ships with the package; with ``fetch`` what is missing is downloaded. ``split``: JSON file with the training
    and validation images of CIFAR-10. ``device``: torch device. ``threads``: of torch in each process; None: the cores
    divided by the workers. ``workers``: processes at the same time. ``replace``: run again what is stored.
    ``progress``: True draws a bar (and a line for each unit) in the notebook or on stderr, None or False is silent, and
    an object with the methods of ``system.progress.Progress`` is called. ``callbacks``: each is called with the record
    of each unit that this call finished, once it is stored; what one raises ends the run. ``stop_below``: a tau at a
    point of ``scoring.trajectory`` below which a unit is ended; it is unfinished, and a call without this goes on.
    ``shard``: ``"1/8"`` for the first of eight shares of the units, to be run by eight calls that share ``out``.
    ``stop_after``: seconds, or a duration such as ``"3h50m"``; then what runs stops at its next checkpoint.
    ``keep_weights``: leave the networks of each unit that is trained now beside its record, for ``Run.weights``.
    ``tensorboard``: folder for TensorBoard's event files of each unit that is trained now (needs that package).

    Returns every finished unit of the folder; their records are read when they are asked for. Raises ``UsageError``
    for impossible settings or a folder that holds units of another protocol, ``DataError`` for missing data,
    ``RunError`` when units failed (the others are stored), ``SuspendedError`` when it was stopped by ``stop_after`` or
    a scheduler's signal.
    """
    from nasbench_harness.engines import Shard
    from nasbench_harness.runner import run_experiment as run_units

    described = experiment if isinstance(experiment, Experiment) else load_experiment(experiment)
    described = with_seeds(select_strategies(described, list(strategies)), [str(seed) for seed in seeds])
    folder = Path("results") / described.name if out is None else Path(out)
    share = None if shard is None else Shard.parse(shard)
    seconds = seconds_of(stop_after) if isinstance(stop_after, str) else stop_after

    def after_unit(record: Record) -> None:
        for callback in callbacks:
            callback(record)

    with shown_progress(progress) as shown:
        sources = sources_of(described, images, split, truth, device, threads, fetch, shown)
        report = _note if progress else _nothing
        events = _path(tensorboard)
        done = run_units(
            described,
            sources,
            folder,
            shown,
            report,
            replace,
            workers,
            after_unit,
            stop_below,
            keep_weights,
            events,
            share,
            seconds,
        )
    units = [(strategy, seed) for strategy in described.strategies for seed in described.seeds]
    if share is not None and len(units) > MOST_READ_BY_SHARDS and not all_stored(folder, units):
        report(f"units of {folder} are unfinished: the leaderboard of all is left to the last, or to `leaderboard`")
        return _Finished.with_board(folder, leaderboard(records.Run(folder, tuple(done))))
    return _Finished.with_board(folder, store_leaderboard(folder, done))


def sources_of(
    experiment: Experiment,
    images: Path | str | None,
    split: Path | str | None,
    truth: Path | str | None,
    device: str,
    threads: int | None,
    fetch: bool,
    progress: Progress,
) -> Sources:
    """Where the data of a run lies, by what ``run_experiment`` was given, the environment, and what there is."""
    from nasbench_harness.data import resolve
    from nasbench_harness.engines.units import Sources

    images, truth = images or os.environ.get(IMAGES_VARIABLE), truth or os.environ.get(TRUTH_VARIABLE)
    found_images, found_truth = resolve(experiment, _path(images), _path(truth), fetch, progress)
    return Sources(found_images, _path(split), found_truth, device, threads)


def store_leaderboard(folder: Path, known: Sequence[Record] = ()) -> Leaderboard:
    """Write the leaderboard of a run's folder beside its records, as JSON and as Markdown, and return it.

    ``known``: records that were read a moment ago, and need not be read again.
    """
    board = leaderboard(records.read_run(folder, curves=False, known=known))
    write_json(folder / "leaderboard.json", board.to_json())
    write_text(folder / "leaderboard.md", board.to_markdown())
    return board


def read_run(folder: Path | str) -> Run:
    """All finished units of a run's folder.

    Raises ``DataError`` for a folder without records, a damaged record, and records of different truths.
    """
    return Run(**vars(records.read_run(Path(folder))))


def draw(
    run: records.Run | Path | str,
    signal: str | None = None,
    folder: Path | str | None = None,
    *,
    width: str | float = "neurips",
    strategies: Sequence[str] = (),
    highlight: Sequence[str] = (),
    only: Sequence[str] = (),
    each: bool = False,
    truth: Any = None,
) -> dict[str, Figure]:
    """The figures of a run, or of the folder of one, by name: matplotlib's figures, shown by a notebook as they are.

    What there is: ``docs/figures.md``; figures that cannot be drawn of these records are left out. ``signal``: as for
    ``leaderboard``. ``folder``: where to write them as PNG and PDF, with their captions; None: nowhere. ``width``: a
    venue or inches. ``strategies``: these alone. ``highlight``: those that stand out where not all can. ``only``: names
    of figures. ``each``: one for every strategy too. ``truth``: table of figures that need single accuracies, as for
    ``truth_vector``. Raises ``DataError`` as ``leaderboard``, and ``UsageError`` for unknown names.
    """
    gallery = draw_run(
        run if isinstance(run, records.Run) else read_run(run),
        signal,
        width=str(width),
        strategies=strategies,
        highlight=highlight,
        only=only,
        each=each,
        truth_of=cache(lambda policy: truth_vector(policy, truth, allow_missing=True)),
    )
    if folder is not None:
        save_figures(gallery.drawn, Path(folder))
    let_notebooks_show_figures()
    return {name: drawn.figure for name, drawn in gallery.drawn.items()}


def let_notebooks_show_figures() -> None:
    """Figures made outside pyplot are shown as text until a notebook is told how to show them."""
    shell = notebook_shell()
    if shell is not None:
        from matplotlib.figure import Figure

        if Figure not in shell.display_formatter.formatters["image/png"]:
            tools: Any = import_module("IPython.core.pylabtools")
            tools.select_figure_formats(shell, {"png"})


def _path(value: Path | str | None) -> Path | None:
    return None if value is None or value == "" else Path(value)


def _note(text: str) -> None:
    """A line on stderr: in a terminal and in a notebook as it is, in a log with a time stamp."""
    bare = sys.stderr.isatty() or in_notebook()
    print(text if bare else f"{stamp()} {text}", file=sys.stderr)


def _nothing(text: str) -> None:
    del text
