"""Training of supernets, one or several in turns, with checkpoints: trained weights and loss curves out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from nasbench_harness.errors import StoppedEarlyError
from nasbench_harness.images.batch_sizes import BatchSizes
from nasbench_harness.system.progress import Progress
from nasbench_harness.system.stopping import requested
from nasbench_harness.training.checkpoints import Checkpoints
from nasbench_harness.training.loop import TrainingLoop
from nasbench_harness.training.settings import LossCurve, Stage, TrainingSettings, rate_at
from nasbench_harness.training.stage_run import StageRun

__all__ = ["LossCurve", "Stage", "StageRun", "TrainingLoop", "TrainingSettings", "is_trained", "rate_at", "train"]

SECONDS_BETWEEN_CHECKPOINTS = 5.0
"""Epochs may be short: what is lost at a kill is at most an epoch, or so many seconds where that is longer."""


def train(
    runs: Sequence[TrainingLoop], progress: Progress, checkpoints: Checkpoints, name: str | None = None
) -> list[LossCurve]:
    """Advance every run to its end, in turns of one epoch each, and return their loss curves.

    Turns matter to objectives that look at the other networks (mutual distillation); a single run just runs. ``name``
    (default: the first stage's) heads the progress and the checkpoint. After an interruption the same call resumes from
    the last checkpoint and ends with the same bits.
    """
    name = name or runs[0].name
    key = _key(name)
    progress.start(name, sum(run.updates for run in runs), "updates")
    _restore(runs, checkpoints, key)
    progress.advance(sum(run.updates_before(run.done) for run in runs))
    saved = time.monotonic()
    while not all(run.finished for run in runs):
        try:
            for run in runs:
                run.advance(run.steps_an_epoch, progress)
        except StoppedEarlyError:
            _save(runs, checkpoints, key)
            raise
        finished = all(run.finished for run in runs)
        if finished or requested() or time.monotonic() - saved >= SECONDS_BETWEEN_CHECKPOINTS:
            _save(runs, checkpoints, key)
            saved = time.monotonic()
    return [run.curve for run in runs]


def is_trained(stage: Stage, batches: BatchSizes, checkpoints: Checkpoints) -> bool:
    """Whether the checkpoints hold the end of a stage that is trained by itself."""
    saved = checkpoints.load(_key(stage.name))
    return saved is not None and [run["done"] for run in saved.values.get("runs", ())] == [stage.steps(batches)]


def _key(name: str) -> str:
    return f"training of {name}"


def _save(runs: Sequence[TrainingLoop], checkpoints: Checkpoints, key: str) -> None:
    tensors: dict[str, Tensor] = {}
    values: list[dict[str, Any]] = []
    for number, run in enumerate(runs):
        own_tensors, own_values = run.state()
        tensors |= {f"{number}/{name}": tensor for name, tensor in own_tensors.items()}
        values.append(own_values)
    checkpoints.save(key, tensors, {"runs": values})


def _restore(runs: Sequence[TrainingLoop], checkpoints: Checkpoints, key: str) -> None:
    saved = checkpoints.load(key)
    if saved is None or "runs" not in saved.values:  # of an older layout: the work is done again
        return
    for number, (run, values) in enumerate(zip(runs, saved.values["runs"], strict=True)):
        prefix = f"{number}/"
        own = {name.removeprefix(prefix): t for name, t in saved.tensors.items() if name.startswith(prefix)}
        run.restore(own, values)
