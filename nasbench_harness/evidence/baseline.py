"""Baselines: what candidates are compared with, reviewed and small enough to be committed.

A file for each strategy, ``<folder>/<experiment>/<strategy>.json``: its protocol, and for each seed the metrics that
may be gated, a fingerprint and the identity of the unit. The scores themselves stay with the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.evidence.pairs import Side
from nasbench_harness.evidence.protocol import protocol_of
from nasbench_harness.evidence.sample import METRICS, Sample, beside_of
from nasbench_harness.records import Fingerprint, Record, Run, read_scores, unit_dir
from nasbench_harness.records.digests import with_digest, without_digest
from nasbench_harness.records.schema import lookup
from nasbench_harness.system.reading import read_json, why

SCHEMA = 1
"""Version of the layout of a baseline's file."""

"""Field with the digest of all others as canonical JSON; baselines of earlier versions lack it."""

SUFFIX = ".json"


@dataclass(frozen=True)
class BaselineUnit:
    """One seed. ``metrics``: signal -> metric -> value, None where it is undefined."""

    seed: int
    identity: str
    created: str
    metrics: dict[str, dict[str, float | None]]
    fingerprint: Fingerprint

    @classmethod
    def of(cls, record: Record, run: Path) -> BaselineUnit:
        """That of a stored unit of the run in that folder."""
        table = read_scores(unit_dir(run, record.strategy, record.seed))
        metrics = {
            signal: {metric: lookup(column, metric) for metric in METRICS} for signal, column in record.metrics.items()
        }
        return cls(record.seed, record.identity, record.created, metrics, Fingerprint.of(record, table))


@dataclass(frozen=True)
class Baseline:
    """One strategy of an experiment over its seeds; ``protocol`` is the description of its units without the seed."""

    experiment: str
    strategy: str
    signal: str
    n: int
    protocol: dict[str, Any]
    units: tuple[BaselineUnit, ...]

    @classmethod
    def of(cls, run: Run, strategy: str) -> Baseline:
        """That of a strategy of a run, every stored seed."""
        records = run.of(strategy)
        first = records[0]
        protocol = {name: value for name, value in protocol_of(first).items() if name != "seed"}
        units = tuple(BaselineUnit.of(record, run.folder) for record in records)
        return cls(first.experiment_name, strategy, first.signal, first.truth["n"], protocol, units)

    def sample(self, metric: str, signal: str | None, source: str) -> Sample:
        """Its values of one metric; ``DataError`` where it has no such signal or the metric is undefined for a seed."""
        signal = signal or self.signal
        if signal not in self.units[0].metrics:
            raise DataError(f"{source}: no signal {signal!r}; there are {', '.join(self.units[0].metrics)}")
        values = [unit.metrics[signal][metric] for unit in self.units]
        if None in values:
            raise DataError(f"{source}: {metric} is undefined for seed {self.units[values.index(None)].seed}")
        seeds = tuple(unit.seed for unit in self.units)
        prints: dict[int | str, Fingerprint] = {unit.seed: unit.fingerprint for unit in self.units}
        beside = beside_of(lambda name: [unit.metrics[signal].get(name) for unit in self.units])
        value_S = np.array(values, float)
        return Sample(self.strategy, seeds, value_S, source, self.protocol, fingerprints=prints, beside=beside)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values with their digest; environments that units share stand once."""
        environments: list[dict[str, Any]] = []
        units = []
        for unit in self.units:
            print_ = unit.fingerprint.to_json()
            card = print_.pop("environment")
            if card not in environments:
                environments.append(card)
            own = {"seed": unit.seed, "identity": unit.identity, "created": unit.created, "metrics": unit.metrics}
            units.append({**own, "environment": environments.index(card), "fingerprint": print_})
        value = {
            "schema": SCHEMA,
            "experiment": self.experiment,
            "strategy": self.strategy,
            "signal": self.signal,
            "n": self.n,
            "protocol": self.protocol,
            "environments": environments,
            "units": units,
        }
        return with_digest(value)

    @classmethod
    def from_json(cls, value: Any, source: str) -> Baseline:
        """What ``to_json`` gave; ``DataError`` naming ``source`` for another schema or a damaged file."""
        found = value.get("schema") if isinstance(value, dict) else None
        if found != SCHEMA:
            raise DataError(
                f"{source}: expected a baseline of schema {SCHEMA}, found {found!r}; "
                "write it again with 'nasbench-harness baseline update RUN'"
            )
        try:
            without_digest(value)
        except ValueError as error:
            remedy = "restore the file, or write it again with 'nasbench-harness baseline update RUN'"
            raise DataError(f"{source}: {error}; {remedy}") from error
        try:
            cards = value["environments"]
            units = tuple(
                BaselineUnit(
                    int(unit["seed"]),
                    str(unit["identity"]),
                    str(unit["created"]),
                    dict(unit["metrics"]),
                    Fingerprint.from_json({**unit["fingerprint"], "environment": cards[unit["environment"]]}, source),
                )
                for unit in value["units"]
            )
            named = {name: str(value[name]) for name in ("experiment", "strategy", "signal")}
            baseline = cls(**named, n=int(value["n"]), protocol=dict(value["protocol"]), units=units)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise DataError(f"{source}: a damaged baseline ({error!r}); restore the file or write it again") from error
        if not baseline.units:
            raise DataError(f"{source}: a baseline without seeds; write it again")
        return baseline


def read_baselines(folder: Path, strategies: Sequence[str] | None = None) -> list[tuple[Path, Baseline]]:
    """All baselines of one experiment's folder, or those named, by strategy; ``DataError`` for a damaged one."""
    found = []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        if strategies is None or path.stem in strategies:
            found.append((path, read_baseline(path)))
    return found


def read_baseline(path: Path) -> Baseline:
    """One file; ``DataError`` naming it where it cannot be read or is no baseline."""
    try:
        value = read_json(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a baseline ({why(error)}); restore the file") from error
    return Baseline.from_json(value, str(path))


def experiments_in(folder: Path) -> dict[str, Path]:
    """Experiments that a folder of baselines has, and their folders; empty for any other folder.

    The folder of one experiment counts too.
    """
    places = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())] if folder.is_dir() else []
    return {place.name: place for place in places if any(map(_is_baseline, place.glob(f"*{SUFFIX}")))}


def _is_baseline(path: Path) -> bool:
    try:
        value = read_json(path)
    except (OSError, ValueError):
        return False
    return isinstance(value, dict) and {"schema", "protocol", "units"} <= set(value)


def baseline_side(path: Path, metric: str, signal: str | None, experiment: str | None) -> Side | None:
    """The side that a folder of baselines, or one strategy's file, stands for; None where it is neither.

    ``experiment``: that of the candidate, which chooses among several. Raises ``UsageError`` where it is none of them.
    """
    if path.is_file():
        if path.suffix != SUFFIX or not _is_baseline(path):
            return None
        around = read_baselines(path.parent)
        own = read_baseline(path).sample(metric, signal, str(path))
        return Side(str(path), (own,), _samples(around, metric, signal), True)
    places = experiments_in(path)
    if not places:
        return None
    if len(places) > 1 and experiment not in places:
        which = "" if experiment is None else f", none of {experiment}"
        raise UsageError(f"{path} has baselines of {', '.join(places)}{which}; name the folder of one")
    place = places[experiment] if experiment in places else next(iter(places.values()))
    samples = _samples(read_baselines(place), metric, signal)
    return Side(str(place), samples, samples, False)


def _samples(found: Sequence[tuple[Path, Baseline]], metric: str, signal: str | None) -> tuple[Sample, ...]:
    return tuple(baseline.sample(metric, signal, str(path)) for path, baseline in found)
