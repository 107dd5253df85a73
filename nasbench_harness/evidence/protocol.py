"""Whether two results were obtained alike: their descriptions field by field, without strategy and seed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from nasbench_harness.errors import UsageError
from nasbench_harness.experiment.description import BEFORE_THEY_WERE_SETTINGS
from nasbench_harness.records import Record

_WHAT_IS_COMPARED = ("strategy", "seed", "plugins")
_NO_PROTOCOL = ("data.device",)
"""Another device changes the rounding, and so the sample that a seed stands for, but not what is sampled."""
_ABSENT = "absent"


@dataclass(frozen=True)
class FieldDifference:
    """One field, by its dotted name, with both values."""

    field: str
    candidate: Any
    baseline: Any

    def __str__(self) -> str:
        return f"{self.field}: {self.candidate!r} in the candidate, {self.baseline!r} in the baseline"

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"field": self.field, "candidate": self.candidate, "baseline": self.baseline}


def protocol_of(record: Record) -> dict[str, Any]:
    """The description of a record, with the truth that it is judged by now, which may be another than at first."""
    description, truth = record.experiment, record.truth
    data = description.get("data")
    return {
        **description,
        "truth": {"policy": truth["policy"]},
        "data": {**(data if isinstance(data, dict) else {}), "truth_sha256": truth["sha256"]},
    }


def protocol_differences(candidate: dict[str, Any], baseline: dict[str, Any]) -> tuple[FieldDifference, ...]:
    """Every field in which two descriptions differ, by name; strategy, seed, plug-ins and device are left out.

    A setting that a record is older than counts as what it was fixed to then. Where one side says its truth alone, as a
    score file does, nothing else is compared.
    """
    one, other = fields_of(candidate), fields_of(baseline)
    names = {*one, *other} if is_whole(candidate) and is_whole(baseline) else {*one} & {*other}
    return tuple(
        FieldDifference(name, one.get(name, _ABSENT), other.get(name, _ABSENT))
        for name in sorted(names)
        if one.get(name, _ABSENT) != other.get(name, _ABSENT)
    )


def is_whole(protocol: dict[str, Any]) -> bool:
    """Whether it says more than the truth, which is all that is known of a score file."""
    return not set(protocol) <= {"truth", "data"}


def fields_of(description: dict[str, Any]) -> dict[str, Any]:
    """The fields of a protocol by their dotted names."""
    return _flat(_spelled_out(description))


def options_of(description: dict[str, Any]) -> dict[str, Any]:
    """The options of a description's strategy by their dotted names, such as ``strategy.sampler.name``."""
    return _flat(_options(description), "strategy.")


def value_text(value: Any, nothing: str = "none", between: str = " ") -> str:
    """A value of a setting as tables show it; ``nothing`` stands for None, ``between`` between those of a list."""
    if value is None:
        return nothing
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return between.join(value_text(each, nothing, between) for each in value)
    return str(value)


def strategy_differences(candidate: dict[str, Any], baseline: dict[str, Any]) -> tuple[FieldDifference, ...]:
    """The options in which the strategies differ; names apart."""
    one, other = (_flat(_options(description)) for description in (candidate, baseline))
    return tuple(
        FieldDifference(f"strategy.{name}", one.get(name, _ABSENT), other.get(name, _ABSENT))
        for name in sorted({*one, *other} - {"name"})
        if one.get(name, _ABSENT) != other.get(name, _ABSENT)
    )


def check_across(differences: Iterable[FieldDifference], across: Sequence[str], what: str) -> None:
    """``UsageError`` naming every field that differs and that no name of ``across``, a field or a section, allows."""
    wrong = [found for found in differences if not _allowed(found.field, across)]
    if wrong:
        listed = "; ".join(map(str, wrong))
        options = " ".join(f"--across {found.field}" for found in wrong)
        raise UsageError(
            f"{what}: the protocols differ, so a difference could be due to that ({listed}); "
            f"compare results of one protocol, or allow it: {options}"
        )


def _allowed(field: str, across: Sequence[str]) -> bool:
    return any(field == name or field.startswith(f"{name}.") for name in across)


def _options(description: dict[str, Any]) -> dict[str, Any]:
    options = description.get("strategy")
    return options if isinstance(options, dict) else {"name": options}


def _spelled_out(description: dict[str, Any]) -> dict[str, Any]:
    shared = {name: value for name, value in description.items() if name not in _WHAT_IS_COMPARED}
    for section, fixed in BEFORE_THEY_WERE_SETTINGS.items():
        if isinstance(shared.get(section), dict):
            shared[section] = fixed | shared[section]
    return shared


def _flat(value: dict[str, Any], path: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, inner in value.items():
        whole = f"{path}{name}"
        if isinstance(inner, dict):
            found |= _flat(inner, f"{whole}.")
        elif whole not in _NO_PROTOCOL:
            found[whole] = inner
    return found
