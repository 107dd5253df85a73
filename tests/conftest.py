"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with the real data (CIFAR-10, truth tables, published scores), or a skip that says why."""
    named = os.environ.get("NASBENCH_HARNESS_TEST_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    if not (folder / "nas-bench-201" / "accuracy.csv").exists():
        pytest.skip("real data not at hand: set NASBENCH_HARNESS_TEST_DATA to the folder that holds nas-bench-201/")
    return folder
