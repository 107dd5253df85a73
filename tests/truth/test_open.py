"""Opening whatever the user names as a truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nasbench_harness.errors import DataError
from nasbench_harness.truth import TruthTable, open_table

COLUMN = "digits_test_9"


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    path = tmp_path / "table.npz"
    TruthTable("made-up", {COLUMN: np.linspace(10, 90, 15625)}, None, {}).save(path)
    return path


def test_nothing_named_is_the_embedded_table() -> None:
    assert open_table().name == "digits"


def test_a_stored_table_opens_under_any_name(stored: Path) -> None:
    renamed = stored.rename(stored.with_name("table"))
    assert open_table(renamed).column(COLUMN)[-1] == 90


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.csv"):
        open_table(tmp_path / "absent.csv")


def test_an_official_archive_is_sent_to_the_import(shared_data: Path) -> None:
    folder = shared_data / "nas-bench-201" / "nats-tss-three-architectures" / "NATS-tss-v1_0-3ffb9-simple"
    with pytest.raises(DataError, match="truth import"):
        open_table(folder)
