"""The checks as classes that an author subclasses, so that pytest runs each as a test of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

from nasbench_harness.catalogue import families
from nasbench_harness.errors import UsageError
from nasbench_harness.registry import near_names
from nasbench_harness.testing.outcome import Check, Outcome, Subject, run_checks
from nasbench_harness.testing.partitioner_checks import PARTITIONER_CHECKS
from nasbench_harness.testing.sampler_checks import SAMPLER_CHECKS
from nasbench_harness.testing.strategy_checks import STRATEGY_CHECKS

CHECKS: dict[str, tuple[Check, ...]] = {
    "partitioners": PARTITIONER_CHECKS,
    "samplers": SAMPLER_CHECKS,
    "strategies": STRATEGY_CHECKS,
}


def _test_of(check: Check) -> Callable[[Any], None]:
    def test(self: Any) -> None:
        check(Subject(families()[self.family], self.part))

    test.__name__, test.__doc__ = f"test_{check.__name__}", check.__doc__
    return test


class Conformance:
    """A test for each check of ``family``; ``part`` is the name, or a table of ``name`` and options.

    A subclass replaces a test by defining it, and drops it by setting it to None.
    """

    family: ClassVar[str]
    part: ClassVar[str | dict[str, Any]]

    def __init_subclass__(cls) -> None:
        for check in CHECKS.get(getattr(cls, "family", ""), ()):
            if not hasattr(cls, f"test_{check.__name__}"):
                setattr(cls, f"test_{check.__name__}", _test_of(check))


class PartitionerConformance(Conformance):
    """Everything that a partitioner promises."""

    family = "partitioners"


class SamplerConformance(Conformance):
    """Everything that a sampler promises."""

    family = "samplers"


class StrategyConformance(Conformance):
    """Everything that a strategy promises; takes some seconds of training."""

    family = "strategies"


def check_part(family: str, part: str | Mapping[str, Any]) -> Iterator[Outcome]:
    """Run the checks of a family (``partitioners``, ``samplers``, ``strategies``) on a part, one after the other.

    Raises ``UsageError`` for a family without checks, an unknown name and impossible options.
    """
    if family not in CHECKS:
        raise UsageError(f"there are no checks for {family!r}; {near_names(family, list(CHECKS))}")
    subject = Subject(families()[family], part)
    subject.build()
    return run_checks(CHECKS[family], subject)
