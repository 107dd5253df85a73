"""For authors of partitioners, samplers and strategies: what a part has to promise, as tests to subclass."""

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
