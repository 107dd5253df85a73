"""Runs of several protocols side by side: the settings in which they differ, and what each of them came to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from nasbench_harness.errors import UsageError
from nasbench_harness.evidence.protocol import fields_of, options_of, protocol_of, value_text
from nasbench_harness.records import Record, Run
from nasbench_harness.records.store import stored_units

_NO_SETTINGS = ("data.", "truth.", "scoring.trajectory")
"""What images and truths are is checked, or follows from a setting; to look at a network does not change it."""
_EXPERIMENT = "name"


@dataclass(frozen=True)
class SweepPoint:
    """One strategy under one protocol: its records by seed, and its values of the settings that vary."""

    run: Run
    strategy: str
    values: tuple[Any, ...]

    @property
    def records(self) -> tuple[Record, ...]:
        """One a seed."""
        return self.run.of(self.strategy)


@dataclass(frozen=True)
class Sweep:
    """Points in the order of their values. ``varied``: dotted names of the settings, such as ``network.cells``."""

    varied: tuple[str, ...]
    points: tuple[SweepPoint, ...]

    @property
    def titles(self) -> tuple[str, ...]:
        """The settings in short: without their section where no two of them would be called alike."""
        short = [name.rpartition(".")[2] for name in self.varied]
        return tuple(
            "experiment" if name == _EXPERIMENT else one.replace("_", " ") if short.count(one) == 1 else name
            for name, one in zip(self.varied, short, strict=True)
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """Each point in words, ``cells 3, size 16``."""
        return tuple(
            ", ".join(
                value_text(value) if isinstance(value, str) else f"{title} {value_text(value)}"
                for title, value in zip(self.titles, point.values, strict=True)
            )
            for point in self.points
        )

    @property
    def records(self) -> tuple[Record, ...]:
        """Those of all points."""
        return tuple(record for point in self.points for record in point.records)


def run_folders(folder: Path) -> list[Path]:
    """``folder`` itself where it holds units, else the folders of runs in it, as a grid leaves them, by name.

    ``folder`` alone too where there is neither, for its reader to say so.
    """
    if not folder.is_dir() or any(True for _ in stored_units(folder)):
        return [folder]
    inside = [each for each in sorted(folder.iterdir()) if each.is_dir() and any(True for _ in stored_units(each))]
    return inside or [folder]


def with_strategies(runs: Sequence[Run], strategies: Sequence[str]) -> list[Run]:
    """The runs with these strategies alone, all of them where none is named; runs that have none of them are left out.

    ``UsageError`` for a strategy that no run has.
    """
    there = dict.fromkeys(name for run in runs for name in run.strategies)
    for name in strategies:
        if name not in there:
            raise UsageError(f"no strategy {name!r} in these runs; there are: {', '.join(there)}")
    if not strategies:
        return list(runs)
    return [chosen for run in runs if (chosen := run.only(strategies)).records]


def sweep_of(runs: Sequence[Run], signal: str | None = None) -> Sweep:
    """The points of runs that may differ in any setting but the truth.

    With a ``signal`` that all are judged by, what each calls its headline is no setting. Strategies of different names
    vary as ``strategy``; options of one strategy as ``strategy.sampler.name``. Raises ``UsageError`` where truths
    differ, where two points have all values in common, and where nothing varies.
    """
    rows = [(run, strategy, _fields(run.of(strategy)[0])) for run in runs for strategy in run.strategies]
    _check_truth(runs)
    several = len({strategy for _, strategy, _ in rows}) > 1
    names = dict.fromkeys(name for _, _, fields in rows for name in fields)
    varied = [
        name
        for name in names
        if not (several and name.startswith("strategy."))
        and not (signal and name == "scoring.signal")
        and len(_distinct(f.get(name) for *_, f in rows)) > 1
    ]
    if not varied and not several:
        raise UsageError(
            f"{', '.join(str(run.folder) for run in runs)}: no setting differs; a sweep is of several protocols, and "
            "one of them is shown by leaderboard"
        )
    found = [
        SweepPoint(run, strategy, (*([strategy] * several), *(fields.get(name) for name in varied)))
        for run, strategy, fields in rows
    ]
    points = sorted(found, key=lambda point: [_order(value) for value in point.values])
    for before, after in pairwise(points):
        if repr(before.values) == repr(after.values):
            raise UsageError(
                f"{before.run.folder} and {after.run.folder}: {after.strategy} has the same settings in both; "
                "a row would be of one of them alone; name one, or join them: leaderboard --and"
            )
    return Sweep((*(["strategy"] * several), *varied), tuple(points))


def _fields(record: Record) -> dict[str, Any]:
    shared = fields_of(protocol_of(record))
    return {
        name: value
        for name, value in (shared | options_of(record.experiment)).items()
        if not name.startswith(_NO_SETTINGS)
    }


def _check_truth(runs: Sequence[Run]) -> None:
    first = runs[0].records[0].truth
    for run in runs[1:]:
        truth = run.records[0].truth
        for key in ("policy", "sha256"):
            if truth[key] != first[key]:
                raise UsageError(
                    f"{runs[0].folder} is judged by truth {key} {first[key]}, {run.folder} by {truth[key]}; "
                    "judge all by one: --policy NAME --truth TABLE"
                )


def _distinct(values: Iterable[Any]) -> set[str]:
    return {repr(value) for value in values}


def _order(value: Any) -> tuple[int, float, str]:
    """Numbers before words, nothing last."""
    if value is None:
        return (2, 0.0, "")
    if isinstance(value, int | float):
        return (0, float(value), "")
    return (1, 0.0, str(value))
