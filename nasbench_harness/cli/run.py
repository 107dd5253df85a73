"""The verb ``run``: an experiment from its description to the records and the leaderboard."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from nasbench_harness.cli.options import Device, Flag, Json, TruthFile, items
from nasbench_harness.cli.output import emit, note
from nasbench_harness.system.stopping import seconds_of
from nasbench_harness.system.variables import IMAGES_VARIABLE

if TYPE_CHECKING:
    from rich.console import Console

    from nasbench_harness.report import Leaderboard


def run(
    experiment: str,
    /,
    *overrides: str,
    images: Annotated[Path | None, Parameter(env_var=IMAGES_VARIABLE)] = None,
    split: Path | None = None,
    truth: TruthFile = None,
    out: Path | None = None,
    seeds: str | None = None,
    strategies: str | None = None,
    device: Device = "cpu",
    threads: int | None = None,
    workers: int = 1,
    stop_below: float | None = None,
    keep_weights: Flag = False,
    tensorboard: Path | None = None,
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
        Processes at the same time: for units first, then for the sub-supernets and the scoring of those that are left.
    stop_below
        End a unit whose tau at a point of ``scoring.trajectory`` is below this; it stays unfinished, with checkpoints.
    keep_weights
        Leave the trained networks beside the record of each unit that is trained now.
    tensorboard
        Folder for TensorBoard's event files of each unit: loss, rate, tau along training, metrics at the end.
    shard
        A share of the units, such as ``1/8`` for the first of eight; shares may run anywhere, with the same ``--out``.
    stop_after
        Stop at the next checkpoint after this time, such as ``3h50m``, ``45m`` or ``90s``; exit code 75 if unfinished.
    replace
        Run again what is stored, even under another protocol.
    fetch
        Fetch the images and the truth table that are needed, not given by path and not here yet.
    """
    from nasbench_harness.api.runs import run_experiment
    from nasbench_harness.experiment import load_experiments, select_strategies, with_seeds
    from nasbench_harness.report import print_leaderboard

    until = None if stop_after is None else time.monotonic() + seconds_of(stop_after)
    experiments = load_experiments(experiment, overrides)
    boards: dict[Path, Leaderboard] = {}
    for point, one in experiments.items():
        described = with_seeds(select_strategies(one, items(strategies)), items(seeds))
        folder = (out or Path("results") / described.name) / point
        if point:
            note(f"{described.name}, grid point {len(boards) + 1} of {len(experiments)}: {point}")
        done = run_experiment(
            described,
            folder,
            images=images,
            split=split,
            truth=truth,
            device=device,
            threads=threads,
            workers=workers,
            replace=replace,
            fetch=fetch,
            stop_below=stop_below,
            keep_weights=keep_weights,
            tensorboard=None if tensorboard is None else tensorboard / point,
            shard=shard,
            stop_after=None if until is None else max(0.0, until - time.monotonic()),
        )
        boards[folder] = done.leaderboard()
        note(f"records in {folder}; figures: nasbench-harness figures {folder}")
    results = [{"folder": str(folder), **board.to_json()} for folder, board in boards.items()]
    result = {"experiments": results} if len(results) > 1 else results[0]

    def draw(console: Console) -> None:
        for board in boards.values():
            print_leaderboard(board, console)

    emit(result, json, draw)
