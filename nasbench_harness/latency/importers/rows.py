"""What every importer of latencies hands over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.latency.table import DeviceInfo


@dataclass(frozen=True, eq=False)
class LatencyRows:
    """The rows of a source in its own order, not judged yet.

    ``index_A``: int64 ``[n]``, our index of each row. ``columns``: device column -> float64 ``[n]`` in ms.
    ``places``: where each row stands, for error texts. ``devices``: what the source tells of its columns.
    """

    index_A: npt.NDArray[np.int64]
    columns: Mapping[str, npt.NDArray[np.float64]]
    places: Sequence[str]
    devices: Mapping[str, DeviceInfo]
    meta: Mapping[str, Any] = field(default_factory=dict)
