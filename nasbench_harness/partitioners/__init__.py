"""Partitioners: one file each, found by name in ``partitioners``."""

from nasbench_harness.partitioners.base import Partitioner, Probe, partitioners
from nasbench_harness.partitioners.none import NoPartition
from nasbench_harness.partitioners.nonlinearity import EfsAccum, EfsGroup
from nasbench_harness.partitioners.random import RandomPartition
from nasbench_harness.partitioners.single_edge import SingleEdge

__all__ = [
    "EfsAccum",
    "EfsGroup",
    "NoPartition",
    "Partitioner",
    "Probe",
    "RandomPartition",
    "SingleEdge",
    "partitioners",
]
