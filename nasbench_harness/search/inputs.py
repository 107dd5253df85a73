"""What the verbs search over: costs by device, and scores from a record, a file, a count or the truth itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.space import N_ARCHITECTURES, Subspace, flops, parameters
from nasbench_harness.system.reading import read_json, why
from nasbench_harness.truth import Truth, judging_table, truth_of

if TYPE_CHECKING:
    from nasbench_harness.latency import LatencyTable

FloatArray = npt.NDArray[np.float64]

COUNTS: dict[str, Callable[[], FloatArray]] = {
    "flops": lambda: flops() / 1e6,
    "live_flops": lambda: flops(live=True) / 1e6,
    "parameters": lambda: parameters() / 1e6,
}
"""Counts that can stand for a cost or a score, in millions."""


@dataclass(frozen=True)
class Prediction:
    """What is known of predicted costs. ``error``: root mean square of the relative errors on held-out architectures.

    ``range_90``: the 5 % and 95 % quantiles of measured / predicted among them. ``samples``: how many the predictor was
    fitted on. None where the table does not tell.
    """

    error: float | None = None
    range_90: tuple[float, float] | None = None
    samples: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "range_90": None if self.range_90 is None else list(self.range_90)}


@dataclass(frozen=True, eq=False)
class Cost:
    """One cost axis. ``value_A``: float64 ``[15625]`` that the search sees, NaN = unknown. ``checked_A``: the measured
    values that judge it, the same array where there are no others. ``source``: what a result says of its origin.
    ``prediction``: of ``value_A``, where a predictor gave them.
    """

    device: str
    unit: str
    value_A: FloatArray
    checked_A: FloatArray
    source: dict[str, Any] = field(default_factory=dict)
    prediction: Prediction | None = None

    @property
    def predicted(self) -> bool:
        """Whether the search saw other values than those that judge it."""
        return self.checked_A is not self.value_A


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores for the search. ``score_A``: float64 ``[15625]``, higher is better, NaN where an architecture has none.

    ``images``: the image set of the experiment that gave them, None where it is not known.
    """

    name: str
    score_A: FloatArray
    source: dict[str, Any]
    images: str | None = None

    def at(self, index_N: npt.NDArray[np.int64]) -> FloatArray:
        """Scores of architectures, ``[N]``."""
        return self.score_A[index_N]

    @property
    def space(self) -> Subspace:
        """The architectures that have a score."""
        known_A = ~np.isnan(self.score_A)
        return Subspace.full() if known_A.all() else Subspace.where(known_A, "scored")


def costs_from(
    latency: LatencyTable | Path | str | None,
    devices: Sequence[str],
    measured: LatencyTable | Path | str | None = None,
    count: str | None = None,
) -> list[Cost]:
    """The named columns of a latency table (one column needs no name), or one count of ``COUNTS``.

    ``measured``: another table whose columns of the same names judge the first, which is then a prediction. Raises
    ``UsageError`` for none or both of table and count, ``DataError`` for an unknown column.
    """
    if (latency is None) == (count is None):
        raise UsageError("name one cost: --latency TABLE with --device COLUMN, or --cost flops")
    if count is not None:
        if devices or measured:
            raise UsageError("--device and --measured belong to --latency TABLE, not to --cost")
        value_A = _count(count)
        return [Cost(count, "M", value_A, value_A, {"count": count})]
    assert latency is not None
    table = _opened(latency)
    checking = _opened(measured) if measured is not None else table
    costs = []
    for device in devices or [table.only(None)]:
        value_A = table.vector(device)
        checked_A = value_A if checking is table else checking.vector(device)
        source = {"table": table.name, "sha256": table.sha256, "without_latency": int(np.isnan(value_A).sum())}
        if checking is not table:
            source |= {"measured": {"table": checking.name, "sha256": checking.sha256}}
        costs.append(Cost(device, "ms", value_A, checked_A, source, _prediction(table, device, checking is not table)))
    return costs


def _opened(table: LatencyTable | Path | str) -> LatencyTable:
    from nasbench_harness.latency import LatencyTable, open_latency

    return table if isinstance(table, LatencyTable) else open_latency(table)


def _prediction(table: LatencyTable, device: str, judged: bool) -> Prediction | None:
    told = table.meta.get("predicted")
    facts = told.get(device) if isinstance(told, dict) else None
    if isinstance(facts, dict) and facts.get("range_90"):
        low, high = (float(end) for end in facts["range_90"])
        return Prediction(facts.get("error"), (low, high), facts.get("samples"))
    return Prediction() if judged or table.devices[device].predicted else None


def scores_from(text: str, allow_missing: bool = False) -> Scores:
    """Scores by name: ``FILE[:column]`` (CSV, JSON, Parquet), the folder of a finished unit ``[:signal]``, or a count.

    A unit's headline signal is taken where none is named; a file with one column needs no name. Raises ``DataError``
    for a missing file or column, and for missing scores unless ``allow_missing``.
    """
    if text in COUNTS:
        return Scores(text, _count(text), {"count": text})
    from nasbench_harness.records import RECORD_FILE, SCORES_FILE, image_set_of

    path, column = _split(text)
    label = path.name
    if path.is_dir():
        label = f"{path.parent.name}/{path.name}"
        column = column or _headline(path / RECORD_FILE)
        path = path / SCORES_FILE
    from nasbench_harness.evaluation.score_files import read_score_file

    found = read_score_file(path, allow_missing)
    if column is None:
        if len(found.names) > 1:
            raise UsageError(f"{path.name} has several score columns; add one, as {text}:{found.names[0]}")
        column = found.names[0]
    score_A = np.full(N_ARCHITECTURES, np.nan)
    score_A[found.index_A] = found.score(column)
    source = {"file": str(path), "column": column, "sha256": found.sha256}
    return Scores(f"{label}:{column}", score_A, source, image_set_of(path))


def oracle_of(truth: Truth) -> Scores:
    """The truth as the score: how good the search itself is."""
    return Scores("oracle", truth.vector, {"truth": truth.policy, "sha256": truth.sha256})


def truth_from(table: Path | str | None, policy: str | None, scores: Sequence[Scores] = ()) -> Truth:
    """Column ``policy`` (none: the first) of a truth table.

    None: the embedded table, for ``scores`` of its images or a policy of its own. Raises ``UsageError`` for others.
    """
    opened = judging_table(table, policy, [each.images for each in scores])
    return truth_of(opened, policy or next(iter(opened.columns)))


def _count(name: str) -> FloatArray:
    if name not in COUNTS:
        raise UsageError(f"no count is called {name!r}; choose {', '.join(COUNTS)}")
    return np.asarray(COUNTS[name](), dtype=np.float64)


def _split(text: str) -> tuple[Path, str | None]:
    if Path(text).exists():
        return Path(text), None
    head, colon, column = text.rpartition(":")
    if colon and Path(head).exists():
        return Path(head), column
    raise DataError(
        f"no scores at {head or text}; give a score file, the folder of a finished unit (with :column to choose a "
        f"column), or one of {', '.join(COUNTS)}"
    )


def _headline(record: Path) -> str:
    """The headline signal that a record names, of any version: only this one word of it is needed."""
    if not record.is_file():
        raise DataError(f"{record.parent} is no folder of a finished unit: it has no {record.name}; name a score file")
    try:
        value = read_json(record)
    except (OSError, ValueError) as error:
        raise DataError(f"{record}: not valid JSON ({why(error)}); run the unit again") from error
    if not isinstance(value, dict) or not isinstance(value.get("signal"), str):
        raise DataError(f"{record} names no headline signal; add one, as {record.parent}:accuracy")
    return str(value["signal"])
