"""What is there when a process of a unit begins, and that libraries which had threads before the fork work in it."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import Any

import numpy as np
import pytest
import torch

from nasbench_harness.supernet.scoring import functions
from nasbench_harness.system.engine_version import engine_version
from nasbench_harness.system.progress import Progress, Silent
from nasbench_harness.system.workers import in_processes

pytestmark = pytest.mark.slow


def seen(side: int, progress: Progress) -> dict[str, Any]:
    """What this process has, and that much computed by each library's threads."""
    modules = {name: name in sys.modules for name in ("scipy.stats", "torch._dynamo", "nasbench_harness.pipeline")}
    caches = {one.__name__: one.cache_info().currsize for one in (engine_version, functions._representatives)}
    polars_before = "polars" in sys.modules
    from polars import Series
    from scipy.linalg import lu

    matrix = np.random.default_rng(0).normal(size=(side, side))
    permuted, lower, upper = lu(matrix)
    return {
        "modules": modules,
        "caches": caches,
        "polars": polars_before,
        "apart": max(
            np.abs(permuted @ lower @ upper - matrix).max(),
            np.abs((torch.tensor(matrix) @ torch.tensor(matrix)).numpy() - matrix @ matrix).max(),
            abs(Series(matrix.ravel()).sort().sum() - matrix.sum()),
        ),
    }


def test_a_process_has_imported_and_computed_what_units_need() -> None:
    with closing(in_processes(seen, [300, 300], ["a", "b"], 2, 2, Silent())) as done:
        found = [value for _, value in done]
    for each in found:
        assert set(each["modules"].values()) == {True}
        assert set(each["caches"].values()) == {1}
        assert not each["polars"]  # which has threads that a fork would lack
        assert each["apart"] < 1e-8
