"""The verb ``run``: an experiment from its description to the records and the leaderboard."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from nasbench_harness.cli.options import Device, Flag, Json, TruthFile, items
from nasbench_harness.cli.output import emit, note
from nasbench_harness.errors import UsageError
from nasbench_harness.system.stopping import seconds_of
from nasbench_harness.system.variables import IMAGES_VARIABLE, RAY_VARIABLE

if TYPE_CHECKING:
    from rich.console import Console

    from nasbench_harness.engines.command import RunOptions
    from nasbench_harness.experiment import Experiment
    from nasbench_harness.report import Leaderboard

EngineName = Literal["processes", "shard", "slurm", "ray"]


def run(
    experiment: str,
    /,
    *overrides: str,
    point: str | None = None,
    images: Annotated[Path | None, Parameter(env_var=IMAGES_VARIABLE)] = None,
    split: Path | None = None,
    truth: TruthFile = None,
    out: Path | None = None,
    seeds: str | None = None,
    strategies: str | None = None,
    device: Device = "cpu",
    threads: int | None = None,
    workers: int | None = None,
    stop_below: float | None = None,
    keep_weights: Flag = False,
    tensorboard: Path | None = None,
    engine: EngineName | None = None,
    needs: str | None = None,
    ray_address: Annotated[str | None, Parameter(env_var=RAY_VARIABLE)] = None,
    detach: Flag = False,
    shard: str | None = None,
    stop_after: str | None = None,
    replace: Flag = False,
    fetch: Flag = False,
    json: Json = False,
) -> None:
    """Train every strategy of an experiment, score all architectures, compare with the truth.

    Finished (strategy, seed) units are kept, unfinished ones leave checkpoints: the same command resumes.

    Parameters
    ----------
    experiment
        Name of a preset (see ``ls presets``) or a TOML file.
    overrides
        Changes of single settings, such as ``budget.epochs=2 training.learning_rate=0.05``.
    point
        One point of a grid, by the name of its folder; none: all, one after the other.
    images
        Folder of the official image files; not needed for the digits.
    split
        JSON file with the training and validation images of CIFAR-10; none: the benchmark's own 25,000/25,000.
    out
        Folder of the records; none: ``results/<experiment>``. The points of a grid have folders inside it.
    seeds
        Seeds in place of the experiment's, such as ``0,1,2`` or ``0..9``.
    strategies
        Some of the experiment's strategies, such as ``one-shot-uniform,efs-group``; ``all`` is the default.
    threads
        Threads of torch for each process; none: the cores divided by the workers. Part of what a result depends on.
    workers
        Processes at the same time, one if not given: for units first, then for the sub-supernets and the scoring of
        those that are left. With ``slurm`` and ``ray``: units at the same time, as many as there is room for.
    stop_below
        End a unit whose tau at a point of ``scoring.trajectory`` is below this; it stays unfinished, with checkpoints.
    keep_weights
        Leave the trained networks beside the record of each unit that is trained now.
    tensorboard
        Folder for TensorBoard's event files of each unit: loss, rate, tau along training, metrics at the end.
    engine
        Where units are done: ``processes`` here (default), ``shard`` here with ``--shard``, ``slurm`` in a job array,
        ``ray`` on a cluster. The last two start this command for single units on machines that share the folder.
    needs
        What a unit gets from ``slurm`` and ``ray``, such as ``cores=4,gpu=0.25,memory=8G,time=4h``; none: ``--threads``
        cores, a GPU where ``--device`` is one, memory and time by the units that are finished.
    ray_address
        The Ray cluster of ``--engine ray``, such as ``10.0.0.1:6379``, or ``auto`` for one that runs on this machine;
        none: one that is started on this machine and ends with the command.
    detach
        Hand the units to ``slurm`` and do not wait for them.
    shard
        A share of the units, such as ``1/8`` for the first of eight; shares may run anywhere, with the same ``--out``.
    stop_after
        Stop at the next checkpoint after this time, such as ``3h50m``, ``45m`` or ``90s``; exit code 75 if unfinished.
    replace
        Run again what is stored, even under another protocol.
    fetch
        Fetch the images and the truth table that are needed, not given by path and not here yet.
    """
    from nasbench_harness.engines.command import RunOptions
    from nasbench_harness.engines.elsewhere import HERE

    options = RunOptions(
        experiment,
        overrides,
        point,
        images,
        split,
        truth,
        out,
        seeds,
        strategies,
        device,
        threads,
        workers,
        stop_below,
        keep_weights,
        tensorboard,
        shard,
        stop_after,
        replace,
        fetch,
    )
    points = _points(options)
    if engine is None or engine in HERE:
        _check_here(engine, needs, detach, shard)
        boards = _run_here(options, points)
    else:
        begun = _run_elsewhere(engine, options, points, needs, ray_address, detach)
        if detach:
            emit(begun, json, lambda console: console.print(begun["line"], highlight=False))
            return
        boards = _boards(points)
    results = [{"folder": str(folder), **board.to_json()} for folder, board in boards.items()]
    result = {"experiments": results} if len(results) > 1 else results[0]

    def draw(console: Console) -> None:
        from nasbench_harness.report import print_leaderboard

        for board in boards.values():
            print_leaderboard(board, console)

    emit(result, json, draw)


Points = dict[str, tuple["Experiment", Path]]
"""The experiment and the folder of each point of a grid, by name; of one without a grid under the empty name."""


def _points(options: RunOptions) -> Points:
    from nasbench_harness.experiment import load_experiments, select_strategies, with_seeds
    from nasbench_harness.registry import near_names

    experiments = load_experiments(options.experiment, options.overrides)
    if options.point is not None and options.point not in experiments:
        known = [name for name in experiments if name]
        hint = near_names(options.point, known) if known else "it has no grid"
        raise UsageError(f"--point: {options.experiment} has no point {options.point[:80]!r}; {hint}")
    points: Points = {}
    for name, one in experiments.items():
        described = with_seeds(select_strategies(one, items(options.strategies)), items(options.seeds))
        if options.point in (None, name):
            points[name] = described, (options.out or Path("results") / described.name) / name
    return points


def _check_here(engine: str | None, needs: str | None, detach: bool, shard: str | None) -> None:
    if engine == "shard" and shard is None:
        raise UsageError("--engine shard needs the share too, such as --shard 1/8")
    for option in (["--needs"] if needs is not None else []) + (["--detach"] if detach else []):
        raise UsageError(f"{option} is for --engine slurm or ray; here --threads and --workers say what a unit gets")


def _run_here(options: RunOptions, points: Points) -> dict[Path, Leaderboard]:
    from nasbench_harness.api.runs import run_experiment

    until = None if options.stop_after is None else time.monotonic() + seconds_of(options.stop_after)
    if len(points) > 1:
        _check_all(options, points)
    boards: dict[Path, Leaderboard] = {}
    for name, (described, folder) in points.items():
        if name:
            note(f"{described.name}, grid point {len(boards) + 1} of {len(points)}: {name}")
        done = run_experiment(
            described,
            folder,
            images=options.images,
            split=options.split,
            truth=options.truth,
            device=options.device,
            threads=options.threads,
            workers=1 if options.workers is None else options.workers,
            replace=options.replace,
            fetch=options.fetch,
            stop_below=options.stop_below,
            keep_weights=options.keep_weights,
            tensorboard=None if options.tensorboard is None else options.tensorboard / name,
            shard=options.shard,
            stop_after=None if until is None else max(0.0, until - time.monotonic()),
        )
        boards[folder] = done.leaderboard()
        note(f"records in {folder}; figures: nasbench-harness figures {folder}")
    return boards


def _check_all(options: RunOptions, points: Points) -> None:
    """Raise now what would be raised at a later point of a grid, after hours of training."""
    from nasbench_harness.api.progress import shown_progress
    from nasbench_harness.api.runs import sources_of
    from nasbench_harness.runner import check_experiment

    with shown_progress(True) as progress:
        for name, (described, folder) in points.items():
            try:
                sources = sources_of(
                    described,
                    options.images,
                    options.split,
                    options.truth,
                    options.device,
                    options.threads,
                    options.fetch,
                    progress,
                )
                check_experiment(described, sources, folder, options.replace, options.stop_below, options.keep_weights)
            except UsageError as error:
                raise UsageError(f"grid point {name}: {error}") from error


def _run_elsewhere(
    engine: str, options: RunOptions, points: Points, needs: str | None, ray_address: str | None, detach: bool
) -> dict[str, Any]:
    """Hand over what is unfinished and wait for it, unless ``detach``; what the engine told of it."""
    from nasbench_harness.api.progress import shown_progress
    from nasbench_harness.engines.elsewhere import engine_elsewhere
    from nasbench_harness.engines.submission import check_options, open_point, submit, wait_for

    chosen = engine_elsewhere(engine, **({"address": ray_address} if engine == "ray" else {}))
    check_options(options)
    if detach and not chosen.detaches:
        raise UsageError(f"--detach: units of --engine {engine} end with the command that waits for them")
    with shown_progress(True) as progress:
        opened = [open_point(name, one, folder, options, progress, note) for name, (one, folder) in points.items()]
    if not sum(point.unfinished() for point in opened):
        note("all units are finished")
        return {"engine": engine, "tasks": 0, "line": "all units are finished"}
    batch, tasks = submit(chosen, opened, options, needs)
    told = {"engine": engine, "tasks": len(tasks), **batch.told}
    note(str(told["line"]))
    if detach:
        return {**told, "line": batch.leave()}
    wait_for(batch, tasks, opened, note)
    return told


def _boards(points: Points) -> dict[Path, Leaderboard]:
    """The leaderboards of folders whose units are all finished, stored beside them too."""
    from nasbench_harness.api.runs import store_leaderboard

    boards: dict[Path, Leaderboard] = {}
    for _, folder in points.values():
        boards[folder] = store_leaderboard(folder)
        note(f"records in {folder}; figures: nasbench-harness figures {folder}")
    return boards
