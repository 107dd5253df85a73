"""Where the units of a run folder stand, read from its files alone: from another terminal, or another machine.

``experiment.json`` says which units there are, ``record.json`` which are finished, and the heartbeats
(``system.heartbeat``) what the others are at. Nothing is locked or changed.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.experiment.folder import DESCRIPTION_FILE, read_description
from nasbench_harness.records import unit_dir
from nasbench_harness.records.scores import RECORD_FILE
from nasbench_harness.records.store import CHECKPOINTS, CLAIM_FILE, unit_folders
from nasbench_harness.system.claims import read_claim
from nasbench_harness.system.estimate import Spent, UnderWay, run_left, unit_left
from nasbench_harness.system.heartbeat import FAILED, HEARTBEAT_FILE, RUNNING, STOPPED
from nasbench_harness.system.meter import UPDATES
from nasbench_harness.system.owners import Owner, runs
from nasbench_harness.system.reading import parse_json, read_json, read_text

_COST = '\n "cost": '
"""Before the cost in a record as the harness lays it out: no other member stands so far to the left."""

_DECODER = json.JSONDecoder()

FINISHED, STALE, WAITING = "finished", "stale", "waiting"
STATES = (FINISHED, RUNNING, STALE, STOPPED, FAILED, WAITING)

SECONDS_UNTIL_STALE = 120.0
"""A heartbeat comes every five seconds; a shared folder may show it later."""

SECONDS_UNTIL_CHECKED = 15.0
"""From this age of a heartbeat on it is asked whether the process that wrote it still exists, if on this machine."""


@dataclass(frozen=True)
class UnitStatus:
    """One unit. ``age``: seconds since its heartbeat. ``beat``: what that says. ``spent``: of a finished unit."""

    strategy: str
    seed: int
    state: str
    age: float | None
    beat: dict[str, Any]
    spent: Spent | None

    @property
    def under_way(self) -> UnderWay:
        """For the estimate; the time since the heartbeat counts."""
        left, age = _number(self.beat.get("seconds_left")), self.age or 0.0
        seconds = _number(self.beat.get("seconds")) or 0.0
        left = None if left is None else max(0.0, left - age)
        return UnderWay(self.strategy, seconds + age, left, self.beat.get("unit") == UPDATES)


@dataclass(frozen=True)
class RunStatus:
    """All units of one run folder, in the order of its description."""

    folder: Path
    name: str
    units: tuple[UnitStatus, ...]

    def of(self, state: str) -> tuple[UnitStatus, ...]:
        """The units in one state."""
        return self._by_state.get(state, ())

    @cached_property
    def _by_state(self) -> dict[str, tuple[UnitStatus, ...]]:
        return {state: tuple(unit for unit in self.units if unit.state == state) for state in STATES}

    @cached_property
    def finished(self) -> dict[str, list[Spent]]:
        """Seconds of the finished units, by strategy."""
        found: dict[str, list[Spent]] = {}
        for unit in self.of(FINISHED):
            if unit.spent is not None:
                found.setdefault(unit.strategy, []).append(unit.spent)
        return found

    @property
    def seconds_left(self) -> float | None:
        """Until all units are finished, by as many workers as run now, or by one; None while nothing tells."""
        open_units = [unit for state in (STALE, STOPPED, FAILED, WAITING) for unit in self.of(state)]
        running = [unit.under_way for unit in self.of(RUNNING)]
        return run_left(self.finished, running, [unit.strategy for unit in open_units])

    def left_of(self, unit: UnitStatus) -> float | None:
        """Seconds until a running unit ends; None where nothing tells."""
        return unit_left(unit.under_way, self.finished)

    def to_json(self) -> dict[str, Any]:
        """Counts by state, the estimate, and every unit with what its heartbeat says."""
        return {
            "folder": str(self.folder),
            "name": self.name,
            "units": len(self.units),
            **{state: len(self.of(state)) for state in STATES},
            "seconds_left": _rounded(self.seconds_left),
            "each": [
                {
                    **unit.beat,  # first: what was found out stands above what the unit says
                    "strategy": unit.strategy,
                    "seed": unit.seed,
                    "state": unit.state,
                    "heartbeat_age": _rounded(unit.age),
                    "seconds": _rounded(unit.spent.all if unit.spent else _number(unit.beat.get("seconds"))),
                    "seconds_left": _rounded(self.left_of(unit)) if unit.state == RUNNING else None,
                }
                for unit in self.units
            ],
        }


def read_status(folder: Path | str, now: Callable[[], float] = time.time) -> list[RunStatus]:
    """The status of a run folder, or of each of the runs in a folder of a grid.

    ``now``: the clock that ages of heartbeats are taken by. Raises ``DataError`` for a folder that is missing, or that
    holds neither a run nor runs.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such run folder; give the folder that 'nasbench-harness run' writes to")
    places = [folder] if _is_run(folder) else sorted(path for path in folder.iterdir() if _is_run(path))
    if not places:
        raise DataError(f"{folder}: no run has begun in it (no {DESCRIPTION_FILE}, no units); give the folder of a run")
    return [_status(place, now()) for place in places]


def _is_run(folder: Path) -> bool:
    return (folder / DESCRIPTION_FILE).is_file() or bool(_units_of(folder))


def _units_of(folder: Path, known: Collection[tuple[str, int]] = ()) -> list[tuple[str, int]]:
    """Strategy and seed of all unit folders that hold a record or checkpoints, without those that are ``known``."""
    others = ((path, named) for path, named in unit_folders(folder) if named not in known)
    return sorted(named for path, named in others if any((path / one).exists() for one in (RECORD_FILE, CHECKPOINTS)))


def _status(folder: Path, now: float) -> RunStatus:
    name, described = _described(folder)
    known = set(described)
    units = (*described, *_units_of(folder, known))
    return RunStatus(folder, name, tuple(_unit(folder, *named, now) for named in units))


def _described(folder: Path) -> tuple[str, list[tuple[str, int]]]:
    """Name and units of the description; those of the folder alone where it has none that can be read."""
    try:
        value = read_description(folder)
        units = [(str(strategy), int(seed)) for strategy in value["strategies"] for seed in value["seeds"]]
        for strategy, seed in units:
            unit_dir(folder, strategy, seed)
        return str(value["name"]), units
    except (OSError, ValueError, KeyError, TypeError, UsageError):
        return folder.resolve().name, []


def _unit(folder: Path, strategy: str, seed: int, now: float) -> UnitStatus:
    unit = unit_dir(folder, strategy, seed)
    try:
        held = set(os.listdir(unit))
    except OSError:
        return UnitStatus(strategy, seed, WAITING, None, {}, None)
    record = unit / RECORD_FILE
    beat = _beat(unit / CHECKPOINTS / HEARTBEAT_FILE) if CHECKPOINTS in held else None
    claim = _claim(unit / CLAIM_FILE) if CLAIM_FILE in held else None
    said = {} if beat is None else beat[0]
    lives = None if claim is None else claim[0].lives()
    times = [found[1] for found in (beat, claim) if found is not None]
    age = max(0.0, now - max(times)) if times else None  # a claim is touched as a heartbeat is written
    if claim is not None and lives is not False and said.get("state") != RUNNING:
        said = {"host": claim[0].host, "pid": claim[0].pid}  # taken up a moment ago: the heartbeat is an earlier run's
    state = WAITING if age is None else _state(said, age, lives)
    if state != RUNNING and RECORD_FILE in held:
        return UnitStatus(strategy, seed, FINISHED, None, {}, _spent_on(record))
    if age is None and (unit / CHECKPOINTS).is_dir():
        state = STOPPED
    return UnitStatus(strategy, seed, state, age, said, None)


def _claim(path: Path) -> tuple[Owner, float] | None:
    """Who has claimed the unit, and when it was last touched; None where nobody has."""
    claim = read_claim(path)
    try:
        return None if claim is None else (claim[0], path.stat().st_mtime)
    except OSError:  # given up at this moment
        return None


def _beat(path: Path) -> tuple[dict[str, Any], float] | None:
    """What a heartbeat says, and when it was written; None where there is none that can be read."""
    try:
        value, written = read_json(path, most=1 << 20), path.stat().st_mtime
    except (OSError, ValueError):
        return None
    return (value, written) if isinstance(value, dict) else None


def _state(said: dict[str, Any], age: float, lives: bool | None) -> str:
    """``lives``: whether the process that claims the unit still runs; None where that cannot be seen from here."""
    if said.get("state") in (FAILED, STOPPED):
        return str(said["state"])
    if lives is None and age > SECONDS_UNTIL_CHECKED:
        lives = _runs(said)
    if lives is False:
        return STOPPED
    return STALE if age > SECONDS_UNTIL_STALE else RUNNING


def _runs(said: dict[str, Any]) -> bool | None:
    """Whether the process of a heartbeat runs on this machine; None where that cannot be told."""
    pid = said.get("pid")
    here = said.get("host") == socket.gethostname() and isinstance(pid, int) and pid > 0
    return runs(pid) if here and isinstance(pid, int) else None


def _spent_on(record: Path) -> Spent | None:
    """Seconds of a finished unit."""
    try:
        return _spent(str(record), record.stat().st_mtime_ns)
    except OSError:  # replaced at this moment
        return None


@lru_cache(maxsize=200_000)
def _spent(record: str, written: int) -> Spent | None:
    """The same; ``written`` makes a record that was replaced another one.

    Of a record only its cost is parsed, found by its place in the text: most of a record are curves.
    """
    try:
        text = read_text(record)
        place = text.find(_COST)
        return Spent.of(_DECODER.raw_decode(text, place + len(_COST))[0] if place >= 0 else parse_json(text)["cost"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
