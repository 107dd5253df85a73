"""For authors of partitioners, samplers and strategies: what a part has to promise, as tests to subclass.

Every name is loaded when it is first used: pytest imports this package at its start, for the plug-in.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nasbench_harness.testing.conformance import (
        PartitionerConformance,
        SamplerConformance,
        StrategyConformance,
        check_part,
    )
    from nasbench_harness.testing.outcome import Outcome
    from nasbench_harness.testing.probe import FakeProbe

__all__ = [
    "FakeProbe",
    "Outcome",
    "PartitionerConformance",
    "SamplerConformance",
    "StrategyConformance",
    "check_part",
]

_HOMES = {"FakeProbe": "probe", "Outcome": "outcome"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'conformance')}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
