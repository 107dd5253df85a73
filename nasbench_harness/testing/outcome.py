"""Checks as plain functions, what they look at, and what came of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nasbench_harness.errors import HarnessError
from nasbench_harness.registry import Registry


class PromiseError(AssertionError):
    """A promise that a part does not keep; the text says which and how."""


class ChecksFailedError(HarnessError):
    """Some checks failed; they were named before."""

    exit_code = 1


@dataclass(frozen=True)
class Subject:
    """A part under examination: its family, and its name with options as an experiment file gives them."""

    family: Registry[Any]
    part: str | Mapping[str, Any]

    @property
    def name(self) -> str:
        """The part's name."""
        return self.part if isinstance(self.part, str) else str(self.part["name"])

    def build(self) -> Any:
        """A new instance."""
        return self.family.build(self.part)


Check = Callable[[Subject], str | None]
"""Raises ``PromiseError`` (or any other error) where a promise is broken; may return a remark."""


@dataclass(frozen=True)
class Outcome:
    """One check of one part: whether it holds, and the reason or a remark."""

    family: str
    part: str
    check: str
    passed: bool
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "family": self.family,
            "part": self.part,
            "check": self.check,
            "passed": self.passed,
            "reason": self.reason,
        }


def run_checks(checks: Iterable[Check], subject: Subject) -> Iterator[Outcome]:
    """Every check in turn; an error of the part is an outcome too and does not stop the others."""
    for check in checks:
        label = check.__name__.replace("_", " ")
        try:
            yield Outcome(subject.family.family, subject.name, label, True, check(subject) or "")
        except Exception as error:  # whatever a stranger's code may raise
            kind = "" if isinstance(error, PromiseError | HarnessError) else f"{type(error).__name__}: "
            reason = f"{kind}{' '.join(str(error).split())}"
            yield Outcome(subject.family.family, subject.name, label, False, reason)
