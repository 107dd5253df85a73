"""The record of one (strategy, seed): what was run, what it gave, what it cost; checked on its way in and out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, cast

from nasbench_harness.errors import DataError
from nasbench_harness.metrics import rank_bias
from nasbench_harness.records.digests import DIGESTS, digests_of

SCHEMA = 2
"""Version of the layout of ``record.json``; raised by every change that an older reader would misread.

Metrics added to an evaluated column raise nothing: older readers pass over them, and ``ADDED`` names those that columns
of older records lack.
"""
ADDED = (
    "tau_within_flops",
    "tau_with_flops",
    "flops_groups",
    "tau_in_predicted_top_10_percent",
    "pairwise_accuracy",
    "precision_at_worst",
    "worst_rank_at",
    "breakdown",
)
"""Fields of an evaluated column that records of earlier versions lack; they can be judged again from their scores."""

CONVOLUTION_BIAS = "convolution_bias"
"""A number that no column holds: found from its ``breakdown``, by ``rank_bias`` of its errors by live convolutions."""

EXTREMES = ("best_rank_at", "worst_rank_at", "top_k_accuracy", "regret_at")
"""Metrics without an interval over architectures: a percentile bootstrap of an extreme ends at the estimate. Records of
earlier versions hold such intervals; they are not shown."""

_NO_LONGER = ("rank_density",)
"""Fields of records of earlier versions that nothing reads: passed over."""

_MISSING = object()
_PLAIN = {str, int, bool, float, type(None)}
_TYPES: dict[str, tuple[type | tuple[type, ...], str]] = {
    "schema": (int, "an integer"),
    "identity": (str, "text"),
    "experiment": (dict, "an object"),
    "experiment_name": (str, "text"),
    "strategy": (str, "text"),
    "seed": (int, "an integer"),
    "signal": (str, "text"),
    "metrics": (dict, "an object"),
    "references": (dict, "an object"),
    "top_k_curve": (dict, "an object"),
    "truth": (dict, "an object"),
    "leaves": ((list, tuple), "a list"),
    "analysis": (dict, "an object"),
    "cost": (dict, "an object"),
    "training": (dict, "an object"),
    "environment": (dict, "an object"),
    "created": (str, "text"),
}
_TRUTH_FIELDS = ("table", "sha256", "policy", "n", "best", "noise_ceiling")
_COST_FIELDS = ("architecture_updates", "training_seconds", "scoring_seconds", "peak_memory_mb")
_COLUMN_FIELDS = (
    "n",
    "kendall_tau",
    "spearman",
    "pearson",
    "tau_in_true_top_10_percent",
    "precision_at",
    "best_rank_at",
    "top_k_accuracy",
    "regret_at",
    "intervals",
    "interval_method",
)


@dataclass(frozen=True)
class Record:
    """One finished (strategy, seed); mirrors ``record.json`` field by field.

    Accuracies are in percent, times in seconds, memory in MB. ``metrics`` and ``top_k_curve`` are keyed by signal
    (``accuracy``, ``negative_loss``), ``references`` by the reference ranking (``flops``, ``live_flops``). ``signal``
    names the headline among the signals. ``analysis``: ``leaves`` by signal (tau within and between leaves), ``ranked``
    (of strategies that narrow the space: what they still rank and how well), ``strategy`` (what only this kind of
    strategy reports). ``digests``: those that the stored file carries, empty for a record that was not read from one or
    is of an earlier version; they belong to the file, so records do not differ by them.
    """

    identity: str
    experiment: dict[str, Any]
    experiment_name: str
    strategy: str
    seed: int
    signal: str
    metrics: dict[str, dict[str, Any]]
    references: dict[str, dict[str, Any]]
    top_k_curve: dict[str, dict[str, list[float]]]
    truth: dict[str, Any]
    leaves: list[dict[str, Any]]
    analysis: dict[str, Any]
    cost: dict[str, Any]
    training: dict[str, Any]
    environment: dict[str, Any]
    created: str
    schema: int = SCHEMA
    digests: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_json(cls, value: object, source: str = "record") -> Record:
        """The record that a parsed ``record.json`` describes.

        ``source`` names the file in errors. Raises ``DataError`` for another schema version, a missing, unknown or
        mistyped field, NaN or infinity anywhere, and a content that is not what its digest was made of.
        """
        if not isinstance(value, dict):
            raise DataError(f"{source}: expected a JSON object, found {type(value).__name__}")
        found = value.get("schema")
        if found != SCHEMA:
            raise DataError(
                f"{source}: expected record schema {SCHEMA}, found {found!r}; "
                "read it with the version of nasbench-harness that wrote it, or run the unit again"
            )
        content = {name: inner for name, inner in value.items() if name not in (DIGESTS, *_NO_LONGER)}
        _check(content, source)
        known = {one.name: content[one.name] for one in fields(cls) if one.name != DIGESTS}
        return cls(**known, digests=digests_of(value, source))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, schema first, without digests; ``DataError`` for whatever ``from_json`` would refuse."""
        value = {name: getattr(self, name) for name in _TYPES}
        _check(value, f"record of {self.strategy}, seed {self.seed}")
        return value

    @property
    def signals(self) -> tuple[str, ...]:
        """Names of the evaluated signals, the headline first."""
        return (self.signal, *sorted(name for name in self.metrics if name != self.signal))

    @property
    def lacks_added_metrics(self) -> bool:
        """Whether an earlier version judged the scores, without the metrics that were added since."""
        return any(name not in column for column in self.metrics.values() for name in ADDED)

    def column(self, signal: str | None = None) -> dict[str, Any]:
        """The evaluated score column of ``signal`` (headline by default) or of a reference ranking.

        Raises ``DataError`` naming the columns at hand.
        """
        name = self.signal if signal is None else signal
        for columns in (self.metrics, self.references):
            if name in columns:
                return columns[name]
        names = ", ".join([*self.metrics, *self.references])
        raise DataError(f"{self.strategy}, seed {self.seed}: no score column {name!r}; at hand: {names}")


def lookup(column: dict[str, Any], name: str) -> float | None:
    """One number of an evaluated column by dotted name, such as ``precision_at.0.05``, or ``convolution_bias``.

    None where it is undefined, as a correlation with constant scores is, and where the column is of an earlier version
    that did not have this metric. Raises ``DataError`` for any other name it lacks.
    """
    head, _, tail = name.partition(".")
    if head in ADDED and head not in column:
        return None
    if name == CONVOLUTION_BIAS:
        return _convolution_bias(column.get("breakdown"))
    value = column.get(head, _MISSING)
    if tail:
        value = value.get(tail, _MISSING) if isinstance(value, dict) else _MISSING
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DataError(f"an evaluated score column has no number {name}; at hand: {', '.join(column)}")
    return float(value)


def _convolution_bias(breakdown: Any) -> float | None:
    if breakdown is None:
        return None
    try:
        return rank_bias(breakdown["rank_error"]["convolutions"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise DataError(
            f"an evaluated score column has a breakdown without rank errors by convolutions: {error}"
        ) from error


def lookup_interval(column: dict[str, Any], name: str) -> tuple[float, float] | None:
    """The interval of one number of an evaluated column by dotted name; None where there is none, as for extremes."""
    found = None if name.partition(".")[0] in EXTREMES else column.get("intervals", {}).get(name)
    return None if found is None else (float(found[0]), float(found[1]))


def _check(value: dict[str, Any], source: str) -> None:
    for name, (kind, words) in _TYPES.items():
        if name not in value:
            raise DataError(f"{source}: the field {name!r} is missing; run the unit again")
        if not isinstance(value[name], kind) or isinstance(value[name], bool):
            raise DataError(f"{source}: {name} should be {words}, found {type(value[name]).__name__}")
    if unknown := sorted(set(value) - set(_TYPES)):
        raise DataError(f"{source}: unknown field {unknown[0]!r}; was it written by a newer nasbench-harness?")
    _check_plain(value, source, "")
    if value["seed"] < 0:
        raise DataError(f"{source}: seed should be 0 or more, found {value['seed']}")
    if value["signal"] not in value["metrics"]:
        raise DataError(f"{source}: the headline signal {value['signal']!r} is not among its metrics")
    for group in ("metrics", "references"):
        for name, column in value[group].items():
            _require(column, _COLUMN_FIELDS, f"{source}: {group}.{name}")
    _require(value["top_k_curve"], tuple(value["metrics"]), f"{source}: top_k_curve")
    for name, curve in value["top_k_curve"].items():
        _require(curve, ("k", "accuracy"), f"{source}: top_k_curve.{name}")
        if len(curve["k"]) != len(curve["accuracy"]):
            raise DataError(f"{source}: top_k_curve.{name}: {len(curve['k'])} k, {len(curve['accuracy'])} accuracies")
    _require(value["analysis"], ("leaves", "ranked", "strategy"), f"{source}: analysis")
    _require(value["analysis"]["leaves"], tuple(value["metrics"]), f"{source}: analysis.leaves")
    _require(value["truth"], _TRUTH_FIELDS, f"{source}: truth")
    _require(value["cost"], _COST_FIELDS, f"{source}: cost")
    _require(value["cost"]["architecture_updates"], ("planned", "used"), f"{source}: cost.architecture_updates")


def _require(value: object, names: tuple[str, ...], where: str) -> None:
    if not isinstance(value, dict):
        raise DataError(f"{where} should be an object, found {type(value).__name__}")
    for name in names:
        if name not in value:
            raise DataError(f"{where}: the field {name!r} is missing; run the unit again")


def _check_plain(value: object, source: str, path: str) -> None:
    """Only JSON values with finite numbers: NaN would turn into silence in a mean, a sort or a figure."""
    if value is None or isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return
    if isinstance(value, float):
        raise DataError(f"{source}: {path} is {value}, expected a finite number; run the unit again")
    if isinstance(value, list | tuple):
        if set(map(type, value)) <= _PLAIN and all(math.isfinite(item) for item in value if type(item) is float):
            return  # most of a record are long lists of numbers
        for number, item in enumerate(value):
            _check_plain(item, source, f"{path}[{number}]")
    elif isinstance(value, dict):
        for name, item in cast("dict[object, object]", value).items():
            if not isinstance(name, str):
                raise DataError(f"{source}: {path or 'record'} has the key {name!r}, expected text")
            if type(item) in _PLAIN and (type(item) is not float or math.isfinite(item)):
                continue  # most of the rest are objects of single ones
            _check_plain(item, source, f"{path}.{name}" if path else name)
    else:
        raise DataError(f"{source}: {path} is {type(value).__name__}, expected a plain JSON value")
