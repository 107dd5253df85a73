"""HW-NAS-Bench's pickle, read without running what a pickle may ask for.

The file is ``{space: {image set: {metric: [15625 numbers]}}}`` with rows in the benchmark's order; metrics that end in
``_latency`` are milliseconds (Li et al., "HW-NAS-Bench", ICLR 2021, and its repository). Built from plain containers
and numbers, it needs no function but the ones that rebuild NumPy's arrays and scalars; any other name is refused.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError
from nasbench_harness.latency.importers.rows import LatencyRows
from nasbench_harness.latency.table import DeviceInfo
from nasbench_harness.space import N_ARCHITECTURES
from nasbench_harness.system.pickles import ARRAYS_AND_SCALARS, Kind, PickleReader
from nasbench_harness.system.reading import open_file, why
from nasbench_harness.truth.order import benchmark_order

SPACE = "nasbench201"
_SUFFIX = "_latency"
_MOST = 1 << 26  # bytes; HW-NAS-Bench has a tenth of it

TABLE = Kind("table of numbers", ARRAYS_AND_SCALARS, longest=_MOST)
_IMAGE_SIZES = {"cifar10": 32, "cifar100": 32, "ImageNet16-120": 16}


class HwNasBenchImporter:
    """The latencies of the space ``nasbench201``; column names are ``<image set>_<device>``."""

    name = "hw-nas-bench pickle"

    def recognises(self, path: Path) -> bool:
        return path.suffix.lower() in (".pickle", ".pkl")

    def read(self, path: Path) -> LatencyRows:
        tables = _tables(path, _load(path))
        columns: dict[str, npt.NDArray[np.float64]] = {}
        devices: dict[str, DeviceInfo] = {}
        for images, metrics in tables.items():
            for metric, values in metrics.items():
                if isinstance(metric, str) and metric.endswith(_SUFFIX):
                    device = metric.removesuffix(_SUFFIX)
                    columns[f"{images}_{device}"] = _numbers(path, f"{images}/{metric}", values)
                    devices[f"{images}_{device}"] = DeviceInfo(device=device, image_size=_IMAGE_SIZES.get(images))
        if not columns:
            raise DataError(f"{path.name} has no metric ending in '{_SUFFIX}' under '{SPACE}'; check the file")
        places = [f"row {row}" for row in range(N_ARCHITECTURES)]
        return LatencyRows(benchmark_order(), columns, places, devices)


def _load(path: Path) -> object:
    try:
        with open_file(path, _MOST) as stream:
            return PickleReader(stream, TABLE).load()
    except OSError as error:
        raise DataError(f"cannot read {path}: {why(error)}; check the path") from error
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise DataError(
            f"{path.name} is not HW-NAS-Bench's pickle ({error}); nothing of it was run: fetch it again from its makers"
        ) from error


def _tables(path: Path, content: object) -> dict[str, dict[str, object]]:
    found = content.get(SPACE) if isinstance(content, dict) else None
    if not isinstance(found, dict) or not all(isinstance(metrics, dict) for metrics in found.values()):
        raise DataError(
            f"{path.name} is a pickle, but not {{'{SPACE}': {{image set: {{metric: numbers}}}}}} as HW-NAS-Bench "
            "has it; check the file"
        )
    return {str(images): metrics for images, metrics in found.items()}


def _numbers(path: Path, place: str, values: object) -> npt.NDArray[np.float64]:
    try:
        column = np.asarray(values)
        if column.dtype.kind not in "fiu":
            raise ValueError
    except ValueError:
        raise DataError(f"{path.name}, {place}: not a list of plain numbers; check the file") from None
    if column.shape != (N_ARCHITECTURES,):
        raise DataError(
            f"{path.name}, {place}: expected {N_ARCHITECTURES} architectures, found {'x'.join(map(str, column.shape))};"
            " this is not a table of NAS-Bench-201"
        )
    return column.astype(np.float64)
