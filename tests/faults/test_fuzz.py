"""A few thousand mutated inputs: only documented errors come out. ``tox -e faults`` tries hundreds of thousands."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.faults.fuzz import shares, targets, try_inputs

INPUTS = 2_000


def test_only_documented_errors_come_out(tmp_path: Path, fake: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    readers = targets(tmp_path, fake)
    rng = np.random.default_rng(1)
    for name, count in shares(readers, INPUTS).items():
        found = try_inputs(readers[name], count, rng)
        assert set(found) <= {"read", "refused"}, f"{name}: {found}"
        assert sum(found.values()) == count
