"""A few hundred single bits flipped in stored files: each is noticed or harmless. ``tox -e faults`` flips thousands."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

from tests.faults.flips import Stored, flip, stored_files

FLIPS = 40


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, fake: Any) -> dict[str, Stored]:
    return stored_files(tmp_path_factory.mktemp("flips"), fake)


@pytest.mark.parametrize(
    "kind",
    [
        *("record.json", "scores.parquet", "checkpoint", "weights.safetensors", "seconds.json", "truth table"),
        *("latency table", "baseline", "latency predictors", "part of an import", "kernels"),
    ],
)
def test_no_flipped_bit_is_silent(kind: str, files: dict[str, Stored], caplog: pytest.LogCaptureFixture) -> None:
    assert len(files) == 11
    caplog.set_level(logging.ERROR)
    found = flip(files[kind], FLIPS, np.random.default_rng(len(kind)))
    assert set(found) <= {"noticed", "harmless"}, found
    assert found["noticed"] > FLIPS / 2
