"""Some bits flipped in stored files, and files cut short: noticed or harmless. ``tox -e faults`` flips thousands."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

from tests.faults.flips import Stored, cut, flip, stored_files

FLIPS = 40


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, fake: Any) -> dict[str, Stored]:
    return stored_files(tmp_path_factory.mktemp("flips"), fake)


KINDS = [
    *("record.json", "scores.parquet", "experiment.json", "rows.jsonl", "checkpoint", "weights.safetensors"),
    *("seconds.json", "truth table", "latency table", "baseline", "latency predictors", "part of an import", "kernels"),
]


@pytest.mark.parametrize("kind", KINDS)
def test_no_flipped_bit_is_silent(kind: str, files: dict[str, Stored], caplog: pytest.LogCaptureFixture) -> None:
    assert set(files) == set(KINDS)
    caplog.set_level(logging.ERROR)
    found = flip(files[kind], FLIPS, np.random.default_rng(len(kind)))
    assert set(found) <= {"noticed", "harmless"}, found
    assert found["noticed"] > FLIPS / 2


@pytest.mark.parametrize("kind", KINDS)
def test_no_file_that_ends_too_early_is_read(
    kind: str, files: dict[str, Stored], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    found = cut(files[kind], 12, np.random.default_rng(len(kind)))
    assert set(found) <= {"noticed", "harmless"}, found
    assert found["noticed"] >= 10
