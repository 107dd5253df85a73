"""One strategy's values of one metric, a value a seed: the unit of all evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.evidence.difference import Difference, difference
from nasbench_harness.evidence.prior import Prior, fit_prior
from nasbench_harness.evidence.protocol import protocol_of
from nasbench_harness.metrics import TAUS
from nasbench_harness.records import Fingerprint, Record, Run
from nasbench_harness.records.schema import ADDED
from nasbench_harness.records.summary import values_of

METRICS = (*TAUS, "spearman", "pearson")
"""What may be gated. Others, such as the best rank, vary between seeds far more than between methods."""


@dataclass(frozen=True)
class Sample:
    """``value_S``: float64 ``[S]``, one value a seed. ``source``: where it comes from, for messages.

    ``protocol``: the description of its experiment, of a score file its truth alone; None where nothing is known.
    ``records``: those that the values were read from, empty for a score file. ``fingerprints``, by seed, stand for
    records not kept. ``folders``: where the scores of stored units lie, by seed. ``made``: fingerprints that were made
    of stored units so far (None: there is none). ``beside``: float64 ``[S]`` of each of ``TAUS`` that no seed lacks.
    """

    strategy: str
    seeds: tuple[int | str, ...]
    value_S: npt.NDArray[np.float64]
    source: str
    protocol: dict[str, Any] | None = None
    records: tuple[Record, ...] = field(default=(), repr=False)
    fingerprints: Mapping[int | str, Fingerprint] = field(default_factory=dict, repr=False)
    folders: Mapping[int | str, Path] = field(default_factory=dict, repr=False)
    made: dict[int | str, Fingerprint | None] = field(default_factory=dict, repr=False, compare=False)
    beside: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict, repr=False)

    @property
    def n(self) -> int:
        """Number of seeds."""
        return len(self.seeds)

    @property
    def variance(self) -> float:
        """Sample variance over seeds; 0 for one seed, which has no degree of freedom."""
        return float(self.value_S.var(ddof=1)) if self.n > 1 else 0.0

    @property
    def environments(self) -> list[Mapping[str, Any]]:
        """What its seeds were computed with, where that is known."""
        kept = [found.environment for found in self.fingerprints.values()]
        return [*(record.environment for record in self.records), *kept]

    def is_(self, other: Sample) -> bool:
        """Whether both are the same results, from the same place."""
        return (self.source, self.seeds) == (other.source, other.seeds) and bool((self.value_S == other.value_S).all())

    def by(self, metric: str) -> Sample | None:
        """The same seeds by one of ``TAUS``; None where one of them lacks it."""
        return replace(self, value_S=self.beside[metric]) if metric in self.beside else None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "source": self.source,
            "strategy": self.strategy,
            "seeds": list(self.seeds),
            "values": self.value_S.tolist(),
            "mean": float(self.value_S.mean()),
        }


def sample_of(run: Run, strategy: str, metric: str, signal: str | None) -> Sample:
    """The values of one strategy of a run; ``signal`` None takes the headline.

    Raises ``DataError`` for a metric that a record lacks or that is undefined for a seed, and for records that differ
    in their headline signal.
    """
    records, source = run.of(strategy), f"{run.folder}/{strategy}"
    first = records[0]
    if signal is None and len({record.signal for record in records}) > 1:
        raise DataError(f"{source}: the seeds differ in their headline signal; choose one by --signal")
    values = values_of(records, metric, signal)
    if missing := [record.seed for record, value in zip(records, values, strict=True) if value is None]:
        if metric in ADDED and first.lacks_added_metrics:
            raise DataError(
                f"{source}: the records are of an earlier version, without {metric}; "
                f"give --policy {first.truth['policy']} (and --truth TABLE) to judge their stored scores again"
            )
        raise DataError(
            f"{source}: {metric} is undefined for seed {missing[0]} (constant scores have no rank correlation); "
            "gate another metric or signal, or find out why the scores are constant"
        )
    value_S = np.array([value for value in values if value is not None], float)
    seeds = tuple(record.seed for record in records)
    folders: dict[int | str, Path] = {seed: run.unit_dir(strategy, seed) for seed in seeds}
    beside = beside_of(lambda name: values_of(records, name, signal))
    return Sample(strategy, seeds, value_S, source, protocol_of(first), records, folders=folders, beside=beside)


def beside_of(values: Callable[[str], Sequence[float | None]]) -> dict[str, npt.NDArray[np.float64]]:
    """The metrics of ``TAUS`` that no seed lacks, from what gives one's values by its name."""
    found = {name: values(name) for name in TAUS}
    return {name: np.array(each, float) for name, each in found.items() if None not in each}


def check_metric(metric: str) -> str:
    """The metric, if it may be gated; ``UsageError`` with those that may."""
    if metric not in METRICS:
        raise UsageError(f"metric {metric!r} decides nothing here; choose one of {', '.join(METRICS)}")
    return metric


def sample_difference(one: Sample, other: Sample, prior: Prior) -> Difference:
    """``one`` less ``other``.

    Two strategies may spread unequally. With as many seeds on both sides that does little harm, else each keeps its own
    variance: with 3 seeds against 10 a common one would raise three times the claimed false alarms.
    """
    alike = one.strategy == other.strategy or one.n == other.n
    return difference(one.value_S, other.value_S, prior, one_spread=alike)


def prior_of(samples: Sequence[Sample]) -> Prior:
    """The prior of variances that the seeds of these strategies give together."""
    return fit_prior([sample.variance for sample in samples], [sample.n - 1 for sample in samples])
