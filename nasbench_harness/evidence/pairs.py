"""Which strategy of a candidate is held against which of a baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.evidence.protocol import (
    FieldDifference,
    check_across,
    fields_of,
    is_whole,
    protocol_differences,
    protocol_of,
    strategy_differences,
)
from nasbench_harness.evidence.sample import Sample, sample_of
from nasbench_harness.records import RECORD_FILE, Run, read_run, stored_units
from nasbench_harness.records.machines import environment_differences, machine_note


@dataclass(frozen=True)
class Side:
    """Candidate or baseline. ``around``: all strategies of its run, whose spread the prior is fitted on.

    ``named``: one strategy was asked for, by name.
    """

    name: str
    samples: tuple[Sample, ...]
    around: tuple[Sample, ...]
    named: bool


@dataclass(frozen=True)
class Pair:
    """Two samples to compare. ``across``: fields in which their protocols differ, on request."""

    candidate: Sample
    baseline: Sample
    across: tuple[FieldDifference, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The strategy, or both where they differ."""
        one, other = self.candidate.strategy, self.baseline.strategy
        return one if one == other else f"{one} v {other}"


def open_side(path: Path | str) -> tuple[Run, str | None]:
    """The run of a folder, and the strategy that is named where it is ``RUN/strategy``; errors as of ``read_run``."""
    path = Path(path)
    if path.is_dir() and not stored_units(path) and any(path.glob(f"seed-*/{RECORD_FILE}")):
        return read_run(path.parent), path.name
    return read_run(path), None


def read_side(path: Path | str, metric: str, signal: str | None) -> Side:
    """The side that a folder, or ``RUN/strategy``, stands for; errors as of ``read_run`` and ``side_of``."""
    run, strategy = open_side(path)
    return side_of(run, metric, signal, strategy)


def side_of(run: Run, metric: str, signal: str | None, strategy: str | None = None) -> Side:
    """A run as one side, or one strategy of it.

    Raises ``DataError`` for a metric that is undefined for a seed of what is compared; of the strategies around it,
    whose spread alone is of interest, those are left out.
    """
    around = []
    for name in run.strategies:
        try:
            around.append(sample_of(run, name, metric, signal))
        except DataError:
            if strategy in (None, name):
                raise
    chosen = tuple(sample for sample in around if strategy in (None, sample.strategy))
    if not chosen:
        raise UsageError(f"{run.folder}: no strategy {strategy!r}; there are {', '.join(run.strategies)}")
    folder = str(run.folder) if strategy is None else f"{run.folder}/{strategy}"
    return Side(folder, chosen, tuple(around), strategy is not None)


def pair_up(candidate: Side, baseline: Side, across: Sequence[str] = ()) -> tuple[list[Pair], list[str]]:
    """The pairs, and notes on strategies that have none.

    Strategies are paired by name. A baseline that names one strategy is the partner of all others of the candidate; two
    sides of one strategy each are a pair whatever their names. Raises ``UsageError`` where nothing is left to
    compare, for protocols that differ otherwise than ``across`` allows, and for a name in it that no record has.
    """
    ones, others = candidate.samples, {sample.strategy: sample for sample in baseline.samples}
    if baseline.named or len(ones) == len(others) == 1:
        partner = baseline.samples[0]
        found = [(one, partner) for one in ones if not one.is_(partner)]
    else:
        found = [(one, others[one.strategy]) for one in ones if one.strategy in others]
    if not found:
        raise UsageError(
            f"no strategy to compare: {candidate.name} has {_names(ones)}, "
            f"{baseline.name} has {_names(others.values())}; name one on each side, as RUN/strategy"
        )
    _check_names(across, [sample for pair in found for sample in pair])
    pairs = [_pair(one, other, across) for one, other in found]
    used = {sample.source for pair in found for sample in pair}
    notes = [
        f"not compared, on one side only: {_names(left)} of {side.name}"
        for side in (candidate, baseline)
        if (left := [sample for sample in side.samples if sample.source not in used])
    ]
    return pairs, notes


def _names(samples: Any) -> str:
    return ", ".join(sample.strategy for sample in samples)


def _check_names(across: Sequence[str], samples: Sequence[Sample]) -> None:
    known = sorted({name for sample in samples if sample.protocol for name in fields_of(sample.protocol)})
    for name in across:
        if not any(field == name or field.startswith(f"{name}.") for field in known):
            raise UsageError(f"--across {name}: no such field; there are {', '.join(known)}")


def _pair(one: Sample, other: Sample, across: Sequence[str]) -> Pair:
    notes = []
    if one.protocol is None or other.protocol is None or not (is_whole(one.protocol) and is_whole(other.protocol)):
        notes.append("score files do not say how they were obtained: whether both sides were alike is up to you")
    if one.protocol is None or other.protocol is None:
        return Pair(one, other, (), tuple(notes))
    stored = [protocol_of(record) for sample in (one, other) for record in sample.records]
    descriptions = [one.protocol, other.protocol, *stored]
    differences: dict[str, FieldDifference] = {}
    for description in descriptions:
        differences |= {found.field: found for found in protocol_differences(description, other.protocol)}
    check_across(differences.values(), across, f"{one.source} against {other.source}")
    if one.strategy == other.strategy and (options := strategy_differences(one.protocol, other.protocol)):
        notes.append(f"the strategies' own options differ ({'; '.join(map(str, options))})")
    devices = {str(description.get("data", {}).get("device")) for description in descriptions}
    if len(devices) > 1:
        notes.append(f"trained on different devices ({', '.join(sorted(devices))}): a seed is another sample there")
    if warning := machine_note(environment_differences([*one.environments, *other.environments])):
        notes.append(warning)
    return Pair(one, other, tuple(differences.values()), tuple(notes))
