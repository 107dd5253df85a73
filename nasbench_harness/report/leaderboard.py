"""A run as a table: a row a strategy, best tau first, the references to beat and the noise ceiling beneath."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from nasbench_harness.evidence.sample import Sample
from nasbench_harness.evidence.tiers import Place, places
from nasbench_harness.records import Record, Run
from nasbench_harness.records.machines import machine_differences
from nasbench_harness.records.summary import Estimate, estimate, noise_ceiling, over_seeds, sample_of, single

METRICS = (
    "kendall_tau",
    "tau_within_flops",
    "tau_with_flops",
    "convolution_bias",
    "tau_in_true_top_10_percent",
    "spearman",
    "precision_at.0.05",
    "best_rank_at.10",
    "top_k_accuracy.10",
    "regret_at.10",
    "tau_in_predicted_top_10_percent",
    "worst_rank_at.10",
    "precision_at_worst.0.05",
    "pairwise_accuracy.1",
)
"""Metrics of a row in the order of the columns; dotted names as in the record."""
COSTS = ("architecture_updates", "seconds", "peak_memory_mb")


@dataclass(frozen=True)
class Row:
    """One strategy, or one reference ranking.

    ``tau``: Kendall tau by signal. ``metrics``: the numbers of ``METRICS`` for the row's signal. ``costs``: the
    numbers of ``COSTS``, empty for a reference. A number is None where it is undefined or not known for every seed.
    ``parent_fraction``: share of the budget that first trains a common parent; None for strategies without that option.
    ``seeds``: of the records; ``Estimate.values`` are in their order. ``place``: its tier and the ranks that are open;
    None for a single seed, and where no other strategy has several. ``external``: from score files, not records.
    """

    name: str
    signal: str | None
    n_seeds: int
    tau: dict[str, Estimate | None]
    metrics: dict[str, Estimate | None]
    costs: dict[str, Estimate | None]
    parent_fraction: float | None = None
    seeds: tuple[int, ...] = ()
    place: Place | None = None
    external: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "name": self.name,
            "signal": self.signal,
            "n_seeds": self.n_seeds,
            "seeds": list(self.seeds),
            "external": self.external,
            "tau": _json(self.tau),
            "metrics": _json(self.metrics),
            "costs": _json(self.costs),
            "parent_fraction": self.parent_fraction,
            "tier": self.place and self.place.tier,
            "ranks": self.place and list(self.place.ranks),
        }


@dataclass(frozen=True)
class Headline:
    """What a method says of one seed in its own terms: ``text``, and Kendall's tau of the signal it ranks by itself."""

    strategy: str
    seed: int
    text: str
    signal: str
    kendall_tau: float | None


@dataclass(frozen=True)
class Leaderboard:
    """Strategies by falling mean tau of their signal, references likewise, and what they are measured against.

    ``n_architectures``: those ranked and judged. ``sample``: how many were drawn for that; None: all were taken.
    ``flops_groups``: number of ``groups`` of equal live FLOPs behind the tau within them, and their architectures
    ``n``. ``judged_before``: units whose records an earlier version made, without the metrics that were added since.
    ``headlines``: of methods whose own result is more than a ranking (``Strategy.analysis``).
    ``machines``: what differs in the records' environments and changes the last bits (``machine_differences``).
    """

    experiment: str
    truth_table: str
    truth_policy: str
    n_architectures: int
    best_accuracy: float
    noise_ceiling: dict[str, Any] | None
    signals: tuple[str, ...]
    rows: tuple[Row, ...]
    references: tuple[Row, ...]
    sample: int | None = None
    flops_groups: dict[str, int] | None = None
    judged_before: tuple[str, ...] = ()
    machines: dict[str, list[Any]] = field(default_factory=dict)
    headlines: tuple[Headline, ...] = ()

    @property
    def parents_differ(self) -> bool:
        """Whether strategies spend unequal shares of their budget on a parent, so differ in more than a partition."""
        return len({row.parent_fraction for row in self.rows} - {None}) > 1

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; intervals are 95 %, ``basis`` says over what."""
        return {
            "experiment": self.experiment,
            "truth": {
                "table": self.truth_table,
                "policy": self.truth_policy,
                "n": self.n_architectures,
                "best": self.best_accuracy,
            },
            "sample": self.sample,
            "flops_groups": self.flops_groups,
            "judged_before": list(self.judged_before),
            "noise_ceiling": self.noise_ceiling,
            "signals": list(self.signals),
            "rows": [row.to_json() for row in self.rows],
            "references": [row.to_json() for row in self.references],
            "machines": self.machines,
            "headlines": [asdict(one) for one in self.headlines],
        }


def leaderboard(run: Run, signal: str | None = None) -> Leaderboard:
    """The table of a run.

    ``signal`` chooses the score column that all rows are judged by; None takes each record's headline. Raises
    ``DataError`` when a record lacks the signal or a metric.
    """
    first = run.records[0]
    signals = tuple(dict.fromkeys(name for record in run.records for name in record.signals))
    rows = [_strategy(name, run.of(name), signal) for name in run.strategies]
    references = [_reference(name, column, signals) for name, column in first.references.items()]
    return Leaderboard(
        experiment=run.name,
        truth_table=str(first.truth["table"]),
        truth_policy=str(first.truth["policy"]),
        n_architectures=int(first.truth["n"]),
        best_accuracy=float(first.truth["best"]),
        noise_ceiling=noise_ceiling(first),
        signals=signals,
        rows=_placed(by_tau(rows)),
        references=by_tau(references),
        sample=sample_of(first),
        flops_groups=_flops_groups(run, signal),
        judged_before=tuple(f"{r.strategy}, seed {r.seed}" for r in run.records if r.lacks_added_metrics),
        machines=machine_differences(run.records),
        headlines=tuple(found for record in run.records if (found := _headline(record)) is not None),
    )


def _headline(record: Record) -> Headline | None:
    own = record.analysis["strategy"].get("headline")
    if own is None:
        return None
    tau = record.metrics[own["signal"]]["kendall_tau"] if own["signal"] in record.metrics else None
    return Headline(record.strategy, record.seed, own["text"], own["signal"], tau)


def _flops_groups(run: Run, signal: str | None) -> dict[str, int] | None:
    """Those of the record that has the most: constant scores in a group leave it out."""
    found = [record.column(signal).get("flops_groups") for record in run.records]
    return max((each for each in found if each), key=lambda each: int(each["n"]), default=None)


def _json(values: dict[str, Estimate | None]) -> dict[str, Any]:
    return {name: None if value is None else value.to_json() for name, value in values.items()}


def by_tau(rows: list[Row]) -> tuple[Row, ...]:
    """The rows, best tau first; a ranking that is none, with constant scores, comes last."""

    def place(row: Row) -> tuple[float, str]:
        tau = row.metrics["kendall_tau"]
        return (2.0 if tau is None else -tau.mean, row.name)

    return tuple(sorted(rows, key=place))


def _placed(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    samples = [
        Sample(row.name, row.seeds, np.array(tau.values), row.name)
        for row in rows
        if (tau := row.metrics["kendall_tau"]) is not None and row.n_seeds > 1
    ]
    found = places(samples)
    return tuple(replace(row, place=found.get(row.name)) for row in rows)


def _strategy(name: str, records: tuple[Record, ...], signal: str | None) -> Row:
    headlines = {record.signal for record in records}
    shared = [each for each in records[0].signals if all(each in record.metrics for record in records)]
    return Row(
        name=name,
        signal=signal or (headlines.pop() if len(headlines) == 1 else None),
        n_seeds=len(records),
        tau={each: estimate(records, "kendall_tau", each) for each in shared},
        metrics={metric: estimate(records, metric, signal) for metric in METRICS},
        costs=_costs(records),
        parent_fraction=_parent_fraction(records),
        seeds=tuple(record.seed for record in records),
    )


def _parent_fraction(records: tuple[Record, ...]) -> float | None:
    options = [record.experiment.get("strategy") for record in records]
    shares = {option.get("parent_fraction") if isinstance(option, dict) else None for option in options}
    share = shares.pop()
    return float(share) if not shares and isinstance(share, int | float) else None


def _reference(name: str, column: dict[str, Any], signals: tuple[str, ...]) -> Row:
    """A reference needs no training: it has neither signal nor seeds, and its tau stands beside each signal's."""
    metrics = {metric: single(column, metric) for metric in METRICS}
    return Row(name, None, 0, dict.fromkeys(signals, metrics["kendall_tau"]), metrics, {})


def _costs(records: tuple[Record, ...]) -> dict[str, Estimate | None]:
    readers: dict[str, Callable[[dict[str, Any]], float | None]] = {
        "architecture_updates": lambda cost: cost["architecture_updates"]["used"],
        "seconds": lambda cost: cost["training_seconds"] + cost["scoring_seconds"],
        "peak_memory_mb": lambda cost: cost["peak_memory_mb"],
    }
    costs: dict[str, Estimate | None] = {}
    for name, read in readers.items():
        values = [read(record.cost) for record in records]
        known = [value for value in values if value is not None]
        costs[name] = over_seeds(known) if len(known) == len(values) else None
    return costs
