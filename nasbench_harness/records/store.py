"""Records on disk: ``<run>/<strategy>/seed-<s>/`` with ``scores.parquet`` and ``record.json``.

The record is written last: where it stands, the unit is finished.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.records.digests import DIGESTS, sealed
from nasbench_harness.records.light import light
from nasbench_harness.records.schema import Record
from nasbench_harness.records.scores import RECORD_FILE, SCORES_FILE, ScoreTable, read_score_bytes
from nasbench_harness.system.files import write_atomically, write_long_json
from nasbench_harness.system.reading import read_json, why

CLAIM_FILE = "claim.json"
"""In the folder of a unit that is being run: which process does that (``system.claims``)."""

CHECKPOINTS = "checkpoints"
"""Folder of an unfinished unit's checkpoints, inside the unit's own."""

_STRATEGY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+=-]{0,199}")
_SEED_FOLDER = re.compile(r"seed-(0|[1-9][0-9]*)")


@dataclass(frozen=True)
class Run:
    """All finished units of one experiment, sorted by strategy and seed; they share one truth.

    ``elsewhere``: folders of the units that come from other run folders, by strategy and seed.
    ``unreadable``: a line on each stored unit that is not among them because it cannot be read.
    """

    folder: Path
    records: tuple[Record, ...]
    elsewhere: Mapping[tuple[str, int], Path] = field(default_factory=dict, repr=False)
    unreadable: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The experiment's name."""
        return self.records[0].experiment_name

    @property
    def strategies(self) -> tuple[str, ...]:
        """Names of the strategies, sorted."""
        return tuple(dict.fromkeys(record.strategy for record in self.records))

    def of(self, strategy: str) -> tuple[Record, ...]:
        """The records of one strategy, by seed."""
        return self._by_strategy.get(strategy, ())

    def only(self, strategies: Sequence[str]) -> Run:
        """The run with these strategies alone; those that it has not are passed over."""
        return replace(self, records=tuple(record for record in self.records if record.strategy in strategies))

    @cached_property
    def _by_strategy(self) -> dict[str, tuple[Record, ...]]:
        found: dict[str, list[Record]] = {}
        for record in self.records:
            found.setdefault(record.strategy, []).append(record)
        return {strategy: tuple(records) for strategy, records in found.items()}

    def unit_dir(self, strategy: str, seed: int) -> Path:
        """Folder of a unit's record and scores."""
        return self.elsewhere.get((strategy, seed)) or unit_dir(self.folder, strategy, seed)


def unit_dir(run_dir: Path | str, strategy: str, seed: int) -> Path:
    """Folder of one (strategy, seed). Raises ``UsageError`` for a name that is no safe folder name."""
    if not _STRATEGY.fullmatch(strategy):
        raise UsageError(
            f"strategy name {strategy[:80]!r}: use up to 200 letters, digits and . _ + = - only, "
            "a letter or digit first"
        )
    if seed < 0:
        raise UsageError(f"seed {seed}: use 0 or more")
    return Path(run_dir) / strategy / f"seed-{seed}"


def write_record(run_dir: Path | str, record: Record, scores: ScoreTable) -> Path:
    """Store a finished unit and return its folder; what stood there before is replaced.

    Everything is checked and encoded before the disk is touched. The scores go first, so a ``record.json`` always
    stands for a whole unit; an older one is withdrawn before, so that it never stands beside newer scores. Raises
    ``DataError`` for an invalid record or signals that differ between record and scores, ``UsageError`` and
    ``RunError`` as ``write_atomically``.
    """
    unit = unit_dir(run_dir, record.strategy, record.seed)
    value = record.to_json()
    if set(scores.scores) != set(record.metrics):
        raise DataError(
            f"record of {record.strategy}, seed {record.seed}: metrics for {sorted(record.metrics)}, "
            f"scores for {sorted(scores.scores)}; evaluate every stored signal"
        )
    data = scores.to_parquet()
    try:
        (unit / RECORD_FILE).unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write {unit}: {error.strerror}; choose a folder that can be written") from error
    write_atomically(unit / SCORES_FILE, lambda stream: stream.write(data))
    write_long_json(unit / RECORD_FILE, sealed(value, data))
    return unit


def protect(unit: Path) -> bool:
    """Add digests to a unit of an earlier version, and to nothing else of it; whether there was need.

    Raises ``DataError`` for a unit that cannot be read, and as ``write_json``.
    """
    named = unit_of(unit)
    record = None if named is None else read_record(unit.parents[1], *named)
    if record is None:
        raise DataError(f"{unit}: no finished unit; give a folder <run>/<strategy>/seed-<s>")
    if record.digests:
        return False
    value = sealed(read_json(unit / RECORD_FILE), read_score_bytes(unit / SCORES_FILE))
    write_long_json(unit / RECORD_FILE, value)
    return True


def replace_record(unit: Path, record: Record) -> Path:
    """Store a record anew beside the scores that lie in its folder, and return its path; other values stay.

    Raises ``DataError`` for an invalid record and for scores that are missing or not those of the stored record.
    """
    value = sealed(record.to_json(), read_score_bytes(unit / SCORES_FILE))
    write_long_json(unit / RECORD_FILE, value)
    return unit / RECORD_FILE


def read_record(run_dir: Path | str, strategy: str, seed: int) -> Record | None:
    """The record of one unit, None while it is unfinished. Raises ``DataError`` naming a damaged file."""
    unit = unit_dir(run_dir, strategy, seed)
    return _read_unit(unit, strategy, seed) if (unit / RECORD_FILE).exists() else None


def read_changed(unit: Path) -> Record | None:
    """The record of a unit whose content is not what its digest was made of, to see what was changed; None for others.

    For checks alone: nothing is reported from such a record.
    """
    try:
        value = read_json(unit / RECORD_FILE)
        return Record.from_json({name: inner for name, inner in value.items() if name != DIGESTS}, str(unit))
    except (OSError, ValueError, AttributeError, DataError):
        return None


def read_run(run_dir: Path | str, whole: bool = True, curves: bool = True, known: Iterable[Record] = ()) -> Run:
    """All finished units of a run folder.

    Raises ``DataError`` for a folder without records, a damaged record (naming the file), and records that cannot
    stand in one table because their experiment or truth differ. With ``whole`` false damaged records are left out and
    named in ``Run.unreadable``; only where no other is left it raises. With ``curves`` false records are checked as
    always and kept ``light``, as tables need them; ``known`` are such records that were read a moment ago.
    """
    run_dir = Path(run_dir)
    if not run_dir.is_dir():
        raise DataError(f"{run_dir}: no such run folder; give the folder that 'nasbench-harness run' wrote")
    found: list[Record] = []
    faults: list[str] = []
    at_hand = {(record.strategy, record.seed): record for record in known}
    for strategy, seed in stored_units(run_dir):
        try:
            record = at_hand.get((strategy, seed)) or _read_unit(unit_dir(run_dir, strategy, seed), strategy, seed)
            found.append(record if curves else light(record, found[-1] if found else None))
        except DataError as error:
            if whole:
                raise
            faults.append(str(error))
    records = tuple(found)
    if faults and not records:
        raise DataError(f"{run_dir}: none of its {len(faults)} records can be read; the first: {faults[0]}")
    if not records:
        raise DataError(
            f"{run_dir}: no finished unit (<strategy>/seed-<s>/{RECORD_FILE}) in it; "
            "give the folder of one experiment, or run it first"
        )
    first = records[0]
    for record in records[1:]:
        for what, one, other in (
            ("experiment", first.experiment_name, record.experiment_name),
            *((f"truth {key}", first.truth[key], record.truth[key]) for key in ("table", "policy", "sha256")),
        ):
            if one != other:
                raise DataError(
                    f"{run_dir}: {first.strategy} seed {first.seed} has {what} {one!r}, {record.strategy} seed "
                    f"{record.seed} has {other!r}; records of different protocols belong in different run folders"
                )
    return Run(run_dir, records, unreadable=tuple(faults))


def image_set_of(scores: Path | str) -> str | None:
    """The image set of the experiment that a unit's score file comes from; None for any other file.

    The record beside the file names it; a record of any version will do.
    """
    scores = Path(scores)
    if scores.name != SCORES_FILE:
        return None
    try:
        value = read_json(scores.parent / RECORD_FILE)
        name = value["experiment"]["images"]["name"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return name if isinstance(name, str) else None


def stored_units(run_dir: Path | str) -> list[tuple[str, int]]:
    """Strategy and seed of every finished unit of a run folder, sorted; empty where there is none."""
    return sorted(unit for folder, unit in unit_folders(run_dir) if os.path.exists(folder / RECORD_FILE))


def unit_folders(run_dir: Path | str) -> Iterator[tuple[Path, tuple[str, int]]]:
    """Every folder of a run whose name is that of a unit, with strategy and seed, whatever it holds."""
    for strategy in _folders_in(run_dir):
        if _STRATEGY.fullmatch(strategy.name):
            for folder in _folders_in(strategy):
                if seed := _SEED_FOLDER.fullmatch(folder.name):
                    yield Path(folder), (strategy.name, int(seed[1]))


def _folders_in(folder: Path | str | os.DirEntry[str]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if entry.is_dir()]
    except OSError:
        return []


def all_stored(run_dir: Path | str, units: Sequence[tuple[str, int]]) -> bool:
    """Whether all these (strategy, seed) are finished; looks from their end, where those are that are done last."""
    return all((unit_dir(run_dir, *unit) / RECORD_FILE).exists() for unit in reversed(units))


def unit_of(folder: Path) -> tuple[str, int] | None:
    """Strategy and seed that the name of a unit's folder states, ``<strategy>/seed-<s>``; None for any other name."""
    folder = folder.absolute()
    seed = _SEED_FOLDER.fullmatch(folder.name)
    return (folder.parent.name, int(seed[1])) if seed and _STRATEGY.fullmatch(folder.parent.name) else None


def _read_unit(unit: Path, strategy: str, seed: int) -> Record:
    path = unit / RECORD_FILE
    try:
        value = read_json(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({why(error)})") from error
    except ValueError as error:
        raise DataError(f"{path}: not valid JSON ({error}); delete {unit} and run the unit again") from error
    record = Record.from_json(value, str(path))
    if (record.strategy, record.seed) != (strategy, seed):
        raise DataError(f"{path}: holds {record.strategy}, seed {record.seed}; it was moved or renamed, put it back")
    if not (unit / SCORES_FILE).is_file():
        raise DataError(f"{unit / SCORES_FILE}: missing beside a record; delete {unit} and run the unit again")
    return record
