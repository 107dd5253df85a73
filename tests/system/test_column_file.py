"""Column files on their own; truth and latency tables test what each makes of them."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.system.column_file import ColumnFormat, StoredColumns, column_part, write_facts, write_part

KIND = ColumnFormat(noun="price list", version=3, rows=4, facts="facts", remedy="write it again")
PRICES = {"b": np.array([1.0, 2.0, 3.0, 4.0]), "a": np.array([5.0, 6.0, 7.0, 8.0])}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for number, values in enumerate(PRICES.values()):
            write_part(archive, column_part(number), values)
        write_facts(archive, KIND, {"columns": list(PRICES)})
    KIND.save(tmp_path / "list.npz", lambda target: target.write(stream.getvalue()))
    return tmp_path / "list.npz"


def test_columns_come_back_by_name_also_from_another_process(path: Path) -> None:
    with KIND.opening(path) as file:
        assert file.facts() == {"format": "nasbench-harness price list", "version": 3, "columns": ["b", "a"]}
        columns = StoredColumns(file, file.facts()["columns"])
    path.unlink()
    for found in (columns, pickle.loads(pickle.dumps(columns))):
        assert list(found) == ["b", "a"]
        np.testing.assert_array_equal(found["a"], PRICES["a"])
    assert KIND.digest(columns, {}) == KIND.digest({name: PRICES[name] for name in ("a", "b")}, {})


def test_a_column_is_checked_once_when_it_is_asked_for(path: Path) -> None:
    seen: list[str] = []

    def check(name: str, values: np.ndarray) -> np.ndarray:
        seen.append(name)
        return values * 2

    with KIND.opening(path) as file:
        columns = StoredColumns(file, ["b", "a"]).checked_by(check)
    assert seen == []
    assert columns["b"].tolist() == columns["b"].tolist() == [2.0, 4.0, 6.0, 8.0]
    assert seen == ["b"]


def test_errors_name_the_file_the_kind_and_the_remedy(path: Path) -> None:
    with pytest.raises(UsageError, match=r"a price list is stored as \.npz, not as list\.csv"):
        KIND.check_name(path.with_suffix(".csv"))
    with pytest.raises(DataError, match=r"no price list at .*write it again"), KIND.opening(path.parent / "none.npz"):
        pass
    with KIND.opening(path) as file, pytest.raises(DataError, match=r"lacks its part 'column_2'.*write it again"):
        StoredColumns(file, ["b", "a", "c"])
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match=r"list\.npz is not a whole price list.*write it again"), KIND.opening(path):
        pass
