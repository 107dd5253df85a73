"""Partitioners: one file each, found by name in ``partitioners``."""

from nasbench_harness.partitioners.base import Partitioner, Probe, partitioners
from nasbench_harness.partitioners.gradient_matching import GradientMatching
from nasbench_harness.partitioners.hierarchy import Hierarchy
from nasbench_harness.partitioners.latency_band import LatencyBand
from nasbench_harness.partitioners.none import NoPartition
from nasbench_harness.partitioners.nonlinearity import EfsAccum, EfsGroup
from nasbench_harness.partitioners.random import RandomPartition
from nasbench_harness.partitioners.random_edge import RandomEdge
from nasbench_harness.partitioners.random_routing import RandomRouting
from nasbench_harness.partitioners.single_edge import SingleEdge

__all__ = [
    "EfsAccum",
    "EfsGroup",
    "GradientMatching",
    "Hierarchy",
    "LatencyBand",
    "NoPartition",
    "Partitioner",
    "Probe",
    "RandomEdge",
    "RandomPartition",
    "RandomRouting",
    "SingleEdge",
    "partitioners",
]
