"""Generated sources: small files in every shape that an importer meets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from nasbench_harness.space import N_ARCHITECTURES, all_strings
from nasbench_harness.truth import TruthTable

Lines = list[str]


@pytest.fixture(scope="session")
def accuracy_A() -> npt.NDArray[np.float64]:
    """Made-up accuracies by our index, two decimals, with ties."""
    return np.round(np.random.default_rng(7).uniform(10, 95, N_ARCHITECTURES), 2)


@pytest.fixture
def table(accuracy_A: npt.NDArray[np.float64]) -> TruthTable:
    return TruthTable(
        "made-up", {"cifar10_test_200": accuracy_A, "latency_ms": accuracy_A / 7}, None, {"origin": "test"}
    )


@pytest.fixture
def csv_lines(accuracy_A: npt.NDArray[np.float64]) -> Lines:
    """A complete CSV by architecture string, in our order: line 0 is the header."""
    rows = [f"{text},{value}" for text, value in zip(all_strings(), accuracy_A, strict=True)]
    return ["arch,cifar10_test_200", *rows]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, Lines], Path]:
    def write_lines(name: str, lines: Lines) -> Path:
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n")
        return path

    return write_lines
