"""Gathers the architectures of an official archive, one at a time, into rows by column."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nasbench_harness.errors import DataError
from nasbench_harness.space import N_ARCHITECTURES, format_architecture
from nasbench_harness.truth.importers.base import FloatArray, SourceRows
from nasbench_harness.truth.importers.official.values import MEANING, Architecture
from nasbench_harness.truth.order import benchmark_order
from nasbench_harness.truth.policy import TruthPolicy

_SEED = re.compile(r"(?P<column>.+)_seed(?P<seed>[0-9]+)")
_MOST_COLUMNS = 400  # 100 in the official files; a column takes 125 kB


class Gathered:
    """Values by column, ``[15625]`` in the benchmark's order, NaN where there is none yet."""

    def __init__(self, source: Path) -> None:
        self.source = source
        self.columns: dict[str, FloatArray] = {}
        self.place_of: dict[int, str] = {}

    def add(self, architecture: Architecture, place: str) -> None:
        """Take in one architecture; ``DataError`` when it is known already or stands at another's number."""
        number = architecture.number
        check_string(number, architecture.text, f"{self.source.name}, {place}")
        if number in self.place_of:
            raise DataError(
                f"{self.source.name}, {place}: architecture {number} was already given in {self.place_of[number]}; "
                "download the archive again"
            )
        self.put(number, architecture.values, place)

    def put(self, number: int, values: Mapping[str, float], place: str) -> None:
        """Take in values that were checked before."""
        self.place_of[number] = place
        for column, value in values.items():
            if column not in self.columns:
                if len(self.columns) >= _MOST_COLUMNS:
                    raise DataError(
                        f"{self.source.name}, {place}: too many kinds of values; download the archive again"
                    )
                self.columns[column] = np.full(N_ARCHITECTURES, np.nan)
            self.columns[column][number] = value

    def values_of(self, number: int) -> dict[str, float]:
        """The values of an architecture."""
        return {name: float(values[number]) for name, values in self.columns.items() if not np.isnan(values[number])}

    def rows(self, meta: Mapping[str, Any]) -> SourceRows:
        """All that was gathered, in the benchmark's order; a single seed that merely repeats its mean is left out."""
        numbers = np.array(sorted(self.place_of), dtype=np.int64)
        seeds: dict[str, dict[str, int]] = {}
        for name, values in self.columns.items():
            match = _SEED.fullmatch(name)
            if match:
                seeds.setdefault(match["column"], {})[match["seed"]] = int((~np.isnan(values)).sum())
        repeated = {f"{column}_seed{seed}" for column, found in seeds.items() if len(found) == 1 for seed in found}
        names = sorted(set(self.columns) - repeated, key=_rank)
        columns = {name: self.columns[name][numbers] for name in names}
        means = {name for name in columns if (policy := TruthPolicy.parse(name)) and policy.seeds == "mean"}
        facts = {"seeds": {name: seeds[name] for name in sorted(seeds)}, "columns": MEANING, **meta}
        places = [self.place_of[number] for number in numbers.tolist()]
        return SourceRows(benchmark_order()[numbers], columns, places, facts, frozenset(columns) - means)


def _rank(name: str) -> tuple[Any, ...]:
    """Sorts columns: means before seeds before costs, long trainings before short ones, tests first."""
    policy = TruthPolicy.parse(name)
    if policy is None:
        return (2, name)
    return (policy.seeds != "mean", -policy.epochs, policy.split != "test", name)


def check_string(number: int, text: str, where: str) -> None:
    """``DataError`` unless ``text`` is the architecture at ``number`` of the benchmark's order."""
    if not 0 <= number < N_ARCHITECTURES:
        raise DataError(f"{where}: {number} is not a number of the benchmark (0 to {N_ARCHITECTURES - 1})")
    expected = format_architecture(int(benchmark_order()[number]))
    if text != expected:
        raise DataError(
            f"{where}: architecture {number} is {text[:80]} where the benchmark has {expected}; this is another search "
            "space or another order: import the topology archive (NATS-tss or NAS-Bench-201)"
        )


def check_index(content: object, source: Path) -> None:
    """Check the fields in which an archive lists its architectures; ``DataError`` naming the fault."""
    strings = content.get("meta_archs") if isinstance(content, dict) else None
    if not isinstance(strings, list):
        raise DataError(
            f"{source.name} is a pickle, but not of an official archive: it has no list 'meta_archs'; "
            "check which file this is"
        )
    if len(strings) != N_ARCHITECTURES:
        raise DataError(
            f"{source.name} lists {len(strings)} architectures, the topology space has {N_ARCHITECTURES}; this is "
            "another search space: import the topology archive (NATS-tss or NAS-Bench-201)"
        )
    for number, text in enumerate(strings):
        check_string(number, str(text), source.name)
