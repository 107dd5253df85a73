"""Latency tables: importing, measuring, and predicting them from a few measured architectures."""

from nasbench_harness.latency.open import open_latency
from nasbench_harness.latency.table import DeviceInfo, LatencyTable

__all__ = ["DeviceInfo", "LatencyTable", "open_latency"]
