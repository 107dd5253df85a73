"""Scores of a fixed sample along training: collected at points of the budget, outside its meter and its clock.

A network is looked at after certain steps of its stage. Where several networks divide the space, each is asked for the
architectures that it holds when it is at the same fraction of its stretch, and together they make the point. What was
seen belongs to the state of the training loop, so an interrupted run ends with the same trajectory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor

    from nasbench_harness.training.settings import Stage

SIGNALS = ("accuracy", "negative_loss")
_PREFIX = "trajectory"

FloatArray = npt.NDArray[np.float64]
Look = Callable[[npt.NDArray[np.int64]], Mapping[str, FloatArray]]
"""Scores of live cells ``[n]`` by the network as it is now: signal -> ``[n]``."""
StepAt = Callable[[float], int]
"""How many steps of a stage are done at a fraction of the whole budget that lies in its window."""


@dataclass
class Trajectory:
    """``score_PC``: signal -> ``[points, cells]``, NaN until it is known. ``cells``: live cells, ascending, ``[C]``.

    ``fractions``: the points as fractions of the budget, increasing, above 0 and up to 1. ``at_point`` is called with
    the number of a point once all its scores are known, after an interruption too; what it raises ends the training.
    ``images``: how many of the scoring images are used, the first; None: all.
    """

    fractions: tuple[float, ...]
    cells: npt.NDArray[np.int64]
    score_PC: dict[str, FloatArray]
    at_point: Callable[[int], None] | None = None
    images: int | None = None

    @classmethod
    def of(cls, fractions: Sequence[float], cells: npt.NDArray[np.int64], images: int | None = None) -> Trajectory:
        """A trajectory of which nothing is known yet."""
        unknown = {name: np.full((len(fractions), len(cells)), np.nan) for name in SIGNALS}
        return cls(tuple(fractions), cells, unknown, images=images)

    def alone(self) -> Trajectory:
        """The same for a process of its own, which decides nothing."""
        return replace(self, at_point=None)

    def known(self, point: int) -> bool:
        """Whether all scores of a point are there."""
        return not any(np.isnan(score_PC[point]).any() for score_PC in self.score_PC.values())

    def watch(self, stage: Stage, step_at: StepAt, look: Look) -> Watch | None:
        """Who looks at a stage; None where it holds none of the cells or has none of the points."""
        columns = np.flatnonzero(stage.subspace.contains(self.cells))
        start, end = stage.window
        points: dict[int, list[int]] = {}
        for number, fraction in enumerate(self.fractions):
            if start < fraction <= end:
                step = max(1, step_at(fraction))
                points.setdefault(step, []).append(number)
        return Watch(self, columns, points, look) if points and len(columns) else None

    def take(self, point: int, columns: npt.NDArray[np.int64], found: Mapping[str, FloatArray]) -> None:
        """Note scores ``[n]`` of the cells in ``columns`` at a point."""
        for name, values in found.items():
            self.score_PC[name][point, columns] = values
        if self.at_point is not None and self.known(point):
            self.at_point(point)


@dataclass(frozen=True, eq=False)
class Watch:
    """Looks at one network: a ``training.loop.Watcher``. ``points``: step -> the points that fall on it."""

    trajectory: Trajectory
    columns: npt.NDArray[np.int64]
    points: Mapping[int, Sequence[int]]
    look: Look

    def after(self, step: int) -> bool:
        """Look if a point falls on this step; says whether it did."""
        if step not in self.points:
            return False
        found = self.look(self.trajectory.cells[self.columns])
        for point in self.points[step]:
            self.trajectory.take(point, self.columns, found)
        return True

    def next_after(self, step: int) -> int | None:
        """The first step after this one that a point falls on."""
        return min((at for at in self.points if at > step), default=None)

    def state(self, done: int) -> dict[str, Tensor]:
        """What was seen in the first ``done`` steps."""
        import torch

        return {
            f"{_PREFIX}/{point}/{name}": torch.from_numpy(score_PC[point, self.columns])
            for point in self._until(done)
            for name, score_PC in self.trajectory.score_PC.items()
        }

    def restore(self, tensors: Mapping[str, Tensor], done: int) -> None:
        """Take up what ``state`` gave."""
        for point in self._until(done):
            found = {name: tensors[f"{_PREFIX}/{point}/{name}"].numpy() for name in self.trajectory.score_PC}
            self.trajectory.take(point, self.columns, found)

    def _until(self, done: int) -> list[int]:
        return [point for step, points in sorted(self.points.items()) if step <= done for point in points]
