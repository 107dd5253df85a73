"""Wide CSV: one row an architecture, one column a device, milliseconds."""

from __future__ import annotations

import re
from pathlib import Path

from nasbench_harness.latency.importers.rows import LatencyRows
from nasbench_harness.latency.table import DeviceInfo
from nasbench_harness.truth.importers.csv_file import CsvImporter

# HELP (HayeonLee/HELP) names its GPU columns device_batch; a number behind any other name, such as the telephone
# essential_ph_1 or the processor silver_4114, is part of the device's name.
_HELP_GPU = re.compile(r"(1080ti|2080ti|titan_rtx|titanxp|titanx)_(1|32|256)")


class WideCsvImporter:
    """`arch` (or `index`, the benchmark's) names the architecture; every other column is a device, in ms."""

    name = "wide csv"

    def recognises(self, path: Path) -> bool:
        return path.suffix.lower() == ".csv"

    def read(self, path: Path) -> LatencyRows:
        rows = CsvImporter().read(path)
        devices = {column: device_of(column) for column in rows.columns}
        return LatencyRows(rows.index_A, rows.columns, rows.places, devices)


def device_of(column: str) -> DeviceInfo:
    """What HELP's column name tells: the device, and for its GPUs the batch size."""
    found = _HELP_GPU.fullmatch(column)
    return DeviceInfo(device=found[1], batch_size=int(found[2])) if found else DeviceInfo(device=column)
