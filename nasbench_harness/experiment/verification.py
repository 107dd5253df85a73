"""Whether a stored record says what its scores and its description say: every number is computed again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasbench_harness.errors import DataError, HarnessError
from nasbench_harness.evaluation.comparing import ABSENT, compared
from nasbench_harness.evaluation.unit import analyse, judge_unit
from nasbench_harness.experiment.description import identity
from nasbench_harness.records import Record, ScoreTable, read_scores
from nasbench_harness.records.found import FoundUnit
from nasbench_harness.records.scores import SCORES_FILE, read_score_bytes
from nasbench_harness.records.store import CHECKPOINTS, read_changed
from nasbench_harness.system.reading import why
from nasbench_harness.system.tensor_file import read_sealed
from nasbench_harness.truth import Truth, TruthTable, truth_of


@dataclass(frozen=True)
class Fault:
    """A field of a record, by its dotted name, with the value that is stored and the one that should be."""

    field: str
    stored: Any
    expected: Any

    def __str__(self) -> str:
        return f"{self.field} is {_short(self.stored)} in the record, and should be {_short(self.expected)}"

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"field": self.field, "stored": self.stored, "expected": self.expected}


@dataclass(frozen=True)
class Verified:
    """The outcome for one unit: how many values agreed, the ``faults``, and whether digests protect it.

    A record without digests, of an earlier version, may have changed where its numbers do not follow from its scores.
    """

    unit: FoundUnit
    agreed: int
    faults: tuple[Fault, ...]
    protected: bool = True

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "run": str(self.unit.run),
            "strategy": self.unit.strategy,
            "seed": self.unit.seed,
            "agreed": self.agreed,
            "protected": self.protected,
            "faults": [fault.to_json() for fault in self.faults],
        }


def verify(unit: FoundUnit, table_of: Callable[[str], TruthTable]) -> Verified:
    """Compute a unit's identity, metrics, curves and leaf analysis again and compare them with the record.

    ``table_of(policy)``: the table of truth that holds a policy. Intervals, costs and losses cannot be found again from
    scores; metrics that only one of record and present version knows are passed over. Of a record that cannot be read,
    or was judged by another table, that is the only fault. Of one whose digest is another than its content's, the
    fields that changed are named as far as they follow from the scores. Weights that were kept are checked too.
    """
    record = unit.record or read_changed(unit.folder)
    weights = tuple(_damaged_tensors(unit.folder.glob("*.safetensors")))
    if record is None:
        return Verified(unit, 0, (Fault("record", unit.fault, "a readable record"), *weights))
    checks = _Comparison()
    last = list(weights)
    try:
        read_score_bytes(unit.folder / SCORES_FILE)
    except DataError as error:
        last.append(Fault("digests.scores", str(error), "the digest of the scores"))
    if unit.record is None:
        last.append(Fault("digests.record", unit.fault, "the digest of its content"))
    found = _verify(record, unit, table_of, checks)
    return Verified(unit, checks.agreed, (*found, *last), bool(record.digests) or unit.record is None)


def damaged_checkpoints(folder: Path) -> list[Fault]:
    """A fault for each checkpoint under a folder that is not what was written; a run makes their work again."""
    return list(_damaged_tensors(sorted(folder.rglob(f"{CHECKPOINTS}/*.safetensors"))))


def _damaged_tensors(paths: Iterable[Path]) -> Iterator[Fault]:
    for path in paths:
        try:
            read_sealed(path)
        except (OSError, ValueError) as error:
            yield Fault(str(path), why(error), "what was written")


def _verify(record: Record, unit: FoundUnit, table_of: Callable[[str], TruthTable], checks: _Comparison) -> list[Fault]:
    checks.compare("identity", record.identity, identity(record.experiment))
    for field, stored, described in (
        ("experiment_name", record.experiment_name, record.experiment.get("name")),
        ("strategy", record.strategy, _name(record.experiment.get("strategy"))),
        ("seed", record.seed, record.experiment.get("seed")),
    ):
        checks.compare(field, stored, described)
    try:
        table = read_scores(unit.folder, checked=False)
        truth = truth_of(table_of(str(record.truth["policy"])), str(record.truth["policy"]))
    except HarnessError as error:
        return [*checks.faults, Fault("scores or truth", str(error), "readable")]
    checks.compare("truth.sha256", record.truth["sha256"], truth.sha256)
    checks.compare("scored signals", sorted(record.metrics), sorted(table.scores))
    if not checks.faults:
        for field, expected in _again(record, table, truth).items():
            checks.compare(field, getattr(record, field), expected)
    return checks.faults


def _again(record: Record, table: ScoreTable, truth: Truth) -> dict[str, Any]:
    """The fields of a record that follow from its scores."""
    ranked = record.analysis["ranked"]
    names = [leaf["name"] for leaf in record.leaves]
    analysis = analyse(table, truth, names, None if ranked is None else ranked["leaves"], {}, resamples=0)
    among = truth.among(table.index)
    return {
        **judge_unit(table, truth, resamples=0),
        "truth": {"n": among.n, "best": among.best},
        "analysis": {"leaves": analysis["leaves"], "ranked": analysis["ranked"]},
    }


class _Comparison:
    """Counts the values that agree and keeps those that do not."""

    def __init__(self) -> None:
        self.agreed = 0
        self.faults: list[Fault] = []

    def compare(self, field: str, stored: Any, expected: Any) -> None:
        for one in compared(stored, expected, field):
            if one.agrees:
                self.agreed += 1
            elif one.again is not ABSENT:
                self.faults.append(Fault(one.place, one.stored, one.again))


def _name(strategy: Any) -> Any:
    return strategy.get("name") if isinstance(strategy, dict) else strategy


def _short(value: Any) -> str:
    text = repr(value) if isinstance(value, str | float | int) or value is None else str(value)
    return text if len(text) <= 100 else f"{text[:97]}..."
