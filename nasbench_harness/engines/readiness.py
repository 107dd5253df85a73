"""What can be refused before anything is trained: of an experiment, and of every point of a grid before the first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from nasbench_harness.errors import UsageError
from nasbench_harness.experiment import Experiment
from nasbench_harness.strategies.trajectory import SIGNALS

if TYPE_CHECKING:
    from nasbench_harness.pipeline import Unit


def check_threshold(experiment: Experiment, stop_below: float | None) -> None:
    """``UsageError`` where units of the experiment cannot be stopped below that tau."""
    if stop_below is None:
        return
    if experiment.scoring.trajectory is None:
        raise UsageError("to stop units early, say when they are looked at: set scoring.trajectory")
    if experiment.scoring.signal not in SIGNALS:
        raise UsageError(f"units are stopped early by {' or '.join(SIGNALS)}, not by {experiment.scoring.signal!r}")
    if not -1 <= stop_below <= 1:
        raise UsageError(f"a tau to stop below lies between -1 and 1, found {stop_below:g}")


def check_units(units: Iterable[Unit], keep_weights: bool = False) -> None:
    """``pipeline.check_ready`` for each strategy among the units: no seed changes the answer."""
    from nasbench_harness.pipeline import check_ready

    for unit in {unit.strategy: unit for unit in units}.values():
        check_ready(unit, keep_weights)
