"""A made truth and scores of it, as files of the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nasbench_harness.space import all_strings, connected, flops


@pytest.fixture(scope="session")
def truth_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete source: accuracy grows with FLOPs, two measurements with noise."""
    path = tmp_path_factory.mktemp("truth") / "made.csv"
    rng = np.random.default_rng(0)
    base = np.where(connected(), 30 + 60 * flops() / flops().max(), 10.0)
    first, second = (np.clip(base + rng.normal(0, 1, len(base)), 0, 100) for _ in range(2))
    rows = [f"{a},{x:.4f},{y:.4f}" for a, x, y in zip(all_strings(), first, second, strict=True)]
    path.write_text("arch,cifar10_test_200,cifar10_test_200_seed777\n" + "\n".join(rows) + "\n")
    return path


@pytest.fixture(scope="session")
def score_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two score columns: FLOPs, and FLOPs upside down."""
    path = tmp_path_factory.mktemp("scores") / "scores.csv"
    rows = [f"{a},{f},{-f}" for a, f in zip(all_strings(), flops(), strict=True)]
    path.write_text("arch,up,down\n" + "\n".join(rows) + "\n")
    return path
