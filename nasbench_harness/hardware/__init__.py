"""Latency of architectures on devices: tables, measurement, prediction from few measurements. Needs numpy only."""

from nasbench_harness.hardware.open import open_latency
from nasbench_harness.hardware.table import DeviceInfo, LatencyTable

__all__ = ["DeviceInfo", "LatencyTable", "open_latency"]
