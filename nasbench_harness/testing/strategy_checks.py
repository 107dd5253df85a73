"""What a strategy promises; each is trained for a few steps on the digits."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np

from nasbench_harness.testing.common import COMMON, canonical_options
from nasbench_harness.testing.outcome import PromiseError, Subject
from nasbench_harness.testing.strategy_runs import BATCH, TinyRun, tiny_run, tiny_run_in_threads
from nasbench_harness.testing.worker import in_worker
from nasbench_harness.training.budget import FORWARDS_AN_UPDATE

STATUSES = ("reproduction", "adaptation", "control")
SIGNALS = ("accuracy", "negative_loss")
WIDEST = 5
"""Architectures of one step: a strategy cannot use up a remainder smaller than a step of each of its stages."""
UNUSED = 0.1

_first_runs: dict[tuple[type, str], TinyRun] = {}


def states_its_status(subject: Subject) -> str | None:
    """Reproduction, adaptation or control; and the source of what it reproduces or adapts."""
    told = subject.family.described(subject.name)
    if told["status"] not in STATUSES:
        raise PromiseError(f"its status is {told['status']!r}, expected one of: {', '.join(STATUSES)}")
    if not told["source"] and told["status"] != "control":
        return "it names no source"
    return None


def keeps_to_the_budget(subject: Subject) -> str | None:
    """Nothing beyond the plan, and no more left over than some steps."""
    run = first_run(subject)
    if run.used > run.planned:
        raise PromiseError(f"{run.used:,} architecture-updates used of {run.planned:,} planned")
    left = run.planned - run.used
    if left > max(UNUSED * run.planned, (run.stages + 1) * WIDEST * BATCH):
        raise PromiseError(f"{left:,} of {run.planned:,} architecture-updates are left unused")
    return f"{run.used:,} of {run.planned:,} used"


def meters_what_it_computes(subject: Subject) -> str | None:
    """All that went through a supernet while it trained was charged: a forward pass alone counts a third."""
    run = first_run(subject)
    if run.steps == 0:
        raise PromiseError("no optimiser step was taken")
    computed = run.trained_images * FORWARDS_AN_UPDATE + run.seen_images
    if run.forwards < computed:
        raise PromiseError(
            f"{computed:,} forward-equivalents were computed ({run.steps} steps), {run.forwards:,} were charged; "
            "let context.train do the training, and spend what else you compute"
        )
    return f"{run.steps} optimiser steps; {run.forwards:,} forward-equivalents charged, {computed:,} seen at supernets"


def every_architecture_has_a_leaf(subject: Subject) -> str | None:
    """The leaves cover the whole space without overlap."""
    run = first_run(subject)
    missing = int((run.leaf_A < 0).sum())
    if missing:
        raise PromiseError(f"{missing:,} architectures belong to no leaf")
    return f"{len(np.unique(run.leaf_A))} leaves"


def scores_are_numbers(subject: Subject) -> str | None:
    """Both signals, finite for everything that is ranked, and not all equal."""
    run = first_run(subject)
    for signal in SIGNALS:
        if signal not in run.scores:
            raise PromiseError(f"there is no signal {signal!r}, only {', '.join(run.scores)}")
    bad = [name for name, values in run.scores.items() if not np.isfinite(values).all()]
    if bad:
        raise PromiseError(f"scores that are not finite in {', '.join(bad)}")
    if len(np.unique(run.scores["negative_loss"])) < 2:
        raise PromiseError("all architectures have the same negative_loss")
    return None


def survives_the_way_to_a_worker(subject: Subject) -> str | None:
    """Pickled and trained in another process with the same seed it gives the same scores."""
    import torch

    # the number of threads decides the rounding
    there = in_worker(tiny_run_in_threads, subject.build(), torch.get_num_threads())
    _expect_equal(first_run(subject), there, "another process")
    return None


def the_seed_decides(subject: Subject) -> str | None:
    """Another seed gives other scores: all draws derive from the context's seed axes."""
    other = tiny_run(subject.build(), seed=1)
    if all(np.array_equal(values, other.scores[name]) for name, values in first_run(subject).scores.items()):
        raise PromiseError("seeds 0 and 1 give the same scores; derive all draws from context.seed_axes")
    return None


def takes_up_its_checkpoints(subject: Subject) -> str | None:
    """Run again after an interruption that left some of its checkpoints, it ends with the same scores and budget."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tiny_run(subject.build(), folder=folder)
        saved = sorted(folder.iterdir())
        for path in saved[::2]:
            path.unlink()
        again = tiny_run(subject.build(), folder=folder)
    _expect_equal(first_run(subject), again, "a resumed run")
    return f"{len(saved)} checkpoints"


STRATEGY_CHECKS = (
    *COMMON,
    states_its_status,
    keeps_to_the_budget,
    meters_what_it_computes,
    every_architecture_has_a_leaf,
    scores_are_numbers,
    survives_the_way_to_a_worker,
    the_seed_decides,
    takes_up_its_checkpoints,
)


def first_run(subject: Subject) -> TinyRun:
    """One training with seed 0 that the checks share."""
    strategy = subject.build()
    key = type(strategy), json.dumps(canonical_options(subject), sort_keys=True)
    if key not in _first_runs:
        _first_runs[key] = tiny_run(strategy)
    return _first_runs[key]


def _expect_equal(one: TinyRun, other: TinyRun, who: str) -> None:
    for name, values in one.scores.items():
        if name not in other.scores or not np.array_equal(values, other.scores[name]):
            raise PromiseError(f"{who} scores otherwise by {name}; derive all draws from context.seed_axes")
    if one.forwards != other.forwards:
        raise PromiseError(f"{who} is charged {other.forwards:,} forward passes, not {one.forwards:,}")
