"""Truth tables as files: round trip, identity, and damage of every kind."""

from __future__ import annotations

import io
import json
import pickle
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.system.column_file import ColumnFile
from nasbench_harness.truth import TruthTable, benchmark_index

Values = npt.NDArray[np.float64]


def test_a_saved_table_comes_back_equal(table: TruthTable, tmp_path: Path) -> None:
    table.save(tmp_path / "t.npz")
    again = TruthTable.open(tmp_path / "t.npz")
    assert (again.name, again.meta, again.sha256) == (table.name, table.meta, table.sha256)
    assert again.benchmark_index is None
    assert list(again.columns) == list(table.columns)
    for name, values in table.columns.items():
        np.testing.assert_array_equal(again.columns[name], values)


def test_benchmark_order_is_kept(accuracy_A: Values, tmp_path: Path) -> None:
    TruthTable("t", {"a": accuracy_A}, benchmark_index(), {}).save(tmp_path / "t.npz")
    found = TruthTable.open(tmp_path / "t.npz").benchmark_index
    assert found is not None
    np.testing.assert_array_equal(found, benchmark_index())


def test_equal_tables_give_equal_files_at_any_time(table: TruthTable, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = io.BytesIO(), io.BytesIO()
    table.write(first)
    monkeypatch.setattr(time, "time", lambda: 2e9)
    table.write(second)
    assert first.getvalue() == second.getvalue()


def test_sha256_is_of_the_numbers_alone(table: TruthTable, accuracy_A: Values) -> None:
    reordered = TruthTable("other", dict(reversed(table.columns.items())), None, {"origin": "elsewhere"})
    assert reordered.sha256 == table.sha256
    changed = accuracy_A.copy()
    changed[77] += 0.01
    assert TruthTable("made-up", {**table.columns, "cifar10_test_200": changed}, None, {}).sha256 != table.sha256
    renamed = {"cifar10_test_12": accuracy_A, "latency_ms": table.columns["latency_ms"]}
    assert TruthTable("made-up", renamed, None, {}).sha256 != table.sha256
    assert TruthTable("made-up", table.columns, benchmark_index(), {}).sha256 != table.sha256


def test_columns_cannot_be_changed_nor_follow_their_source(accuracy_A: Values) -> None:
    source = accuracy_A.copy()
    table = TruthTable("t", {"a": source}, None, {})
    source[0] = -1
    assert table.column("a")[0] == accuracy_A[0]
    with pytest.raises(ValueError, match="read-only"):
        table.column("a")[0] = 1


def test_unknown_column_names_the_near_ones(table: TruthTable) -> None:
    with pytest.raises(DataError, match=r"no column 'cifar10_test_20'; did you mean cifar10_test_200"):
        table.column("cifar10_test_20")
    with pytest.raises(DataError, match="it has cifar10_test_200, latency_ms"):
        table.column("zzz")


def test_missing_values_must_be_declared(accuracy_A: Values) -> None:
    gap = accuracy_A.copy()
    gap[5] = np.nan
    with pytest.raises(DataError, match=r"column 'a': nan at \|none~0\|.*declare"):
        TruthTable("t", {"a": gap}, None, {})
    table = TruthTable("t", {"a": gap}, None, {"partial": True})
    assert table.is_partial("a")
    assert table.covered.sum() == 15624
    assert not table.covered[5]
    both = TruthTable("t", {"a": gap, "b": accuracy_A}, None, {"partial": ["a"]})
    assert both.covered.all()
    with pytest.raises(DataError, match="column 'b': nan"):
        TruthTable("t", {"a": gap, "b": gap}, None, {"partial": ["a"]})


def test_infinity_is_never_admitted(accuracy_A: Values) -> None:
    values = accuracy_A.copy()
    values[0] = np.inf
    with pytest.raises(DataError, match="inf at"):
        TruthTable("t", {"a": values}, None, {"partial": True})


def test_a_table_of_15624_rows_is_refused(accuracy_A: Values) -> None:
    with pytest.raises(DataError, match="expected 15625 rows, found 15624"):
        TruthTable("t", {"a": accuracy_A[:-1]}, None, {})


def test_a_table_needs_columns_and_a_whole_order(accuracy_A: Values) -> None:
    with pytest.raises(DataError, match="no column"):
        TruthTable("t", {}, None, {})
    with pytest.raises(DataError, match="benchmark_index must hold each"):
        TruthTable("t", {"a": accuracy_A}, np.zeros(15625, dtype=np.int64), {})


def test_only_npz_is_written(table: TruthTable, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"name the file table\.npz"):
        table.save(tmp_path / "table.csv")
    assert not list(tmp_path.iterdir())


def test_absent_and_foreign_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no truth table at .*absent\.npz.*truth import"):
        TruthTable.open(tmp_path / "absent.npz")
    with pytest.raises(DataError, match="cannot read the truth table"):
        TruthTable.open(tmp_path)
    (tmp_path / "text.npz").write_text("arch,accuracy\n")
    with pytest.raises(DataError, match=r"text\.npz is not a whole truth table.*truth import"):
        TruthTable.open(tmp_path / "text.npz")
    np.savez(tmp_path / "foreign.npz", meta=np.frombuffer(b'{"format": "x"}', dtype=np.uint8))
    with pytest.raises(DataError, match="not a truth table of this harness"):
        TruthTable.open(tmp_path / "foreign.npz")


@pytest.mark.parametrize("kept", [0.05, 0.5, 0.99])
def test_a_truncated_file_is_refused(table: TruthTable, tmp_path: Path, kept: float) -> None:
    path = tmp_path / "t.npz"
    table.save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(DataError, match=r"t\.npz is not a whole truth table"):
        TruthTable.open(path)


def test_any_flipped_byte_is_noticed_or_harmless(table: TruthTable, tmp_path: Path) -> None:
    path = tmp_path / "t.npz"
    table.save(path)
    whole = path.read_bytes()
    refused = 0
    for place in range(10, len(whole), len(whole) // 60):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        try:
            assert TruthTable.open(path).sha256 == table.sha256
        except DataError:
            refused += 1
    assert refused > 50


Change = Callable[[dict[str, Any]], dict[str, Any]]


def _rewrite(table: TruthTable, path: Path, change: Change) -> None:
    """Save the table with some parts replaced; a part that is None is left out."""
    stream = io.BytesIO()
    table.write(stream)
    stream.seek(0)
    with np.load(stream) as archive:
        parts = {name: archive[name] for name in archive.files}
    parts = change(parts)
    with open(path, "wb") as target:
        np.savez(target, allow_pickle=True, **{name: part for name, part in parts.items() if part is not None})


def _head(parts: dict[str, Any], **changes: Any) -> npt.NDArray[np.uint8]:
    head = {**json.loads(parts["meta"].tobytes()), **changes}
    return np.frombuffer(json.dumps(head).encode(), dtype=np.uint8)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p: {**p, "column_0": p["column_0"].astype(object)}, "'column_0' is not a plain numeric array"),
        (
            lambda p: {**p, "column_0": p["column_0"][:-1]},
            r"'column_0' is float64 \[15624\], expected numbers \[15625\]",
        ),
        (lambda p: {**p, "column_0": p["column_0"].astype("S8")}, "expected numbers"),
        (lambda p: {**p, "column_0": np.zeros(1 << 18)}, "not a column of this harness"),
        (lambda p: {**p, "column_1": None}, "lacks its part 'column_1'"),
        (lambda p: {**p, "column_0": p["column_0"] + 1}, "do not match its recorded sha256"),
        (lambda p: {**p, "meta": None}, "lacks its part 'meta'"),
        (lambda p: {**p, "meta": np.frombuffer(b"{", dtype=np.uint8)}, "metadata is not JSON"),
        (lambda p: {**p, "meta": _head(p, version=2)}, "of version 2, and this harness reads version 1"),
        (lambda p: {**p, "meta": _head(p, columns="cifar10_test_200")}, "list of columns is damaged"),
    ],
)
def test_a_wrong_part_is_named(table: TruthTable, tmp_path: Path, change: Change, said: str) -> None:
    _rewrite(table, tmp_path / "t.npz", change)
    with pytest.raises(DataError, match=said) as caught:
        TruthTable.open(tmp_path / "t.npz")
    assert "t.npz" in str(caught.value)
    assert "truth import" in str(caught.value)


def test_an_untouched_rewrite_opens(table: TruthTable, tmp_path: Path) -> None:
    _rewrite(table, tmp_path / "t.npz", lambda parts: parts)
    assert TruthTable.open(tmp_path / "t.npz").sha256 == table.sha256


@pytest.fixture
def unpacked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the columns that were unpacked, in order."""
    names: list[str] = []
    read = ColumnFile.read

    def watched(file: ColumnFile, part: str) -> npt.NDArray[Any]:
        if part.startswith("column"):
            names.append(part)
        return read(file, part)

    monkeypatch.setattr(ColumnFile, "read", watched)
    return names


def test_columns_are_unpacked_when_they_are_asked_for(table: TruthTable, tmp_path: Path, unpacked: list[str]) -> None:
    table.save(tmp_path / "t.npz")
    again = TruthTable.open(tmp_path / "t.npz")
    (tmp_path / "t.npz").write_bytes(b"changed behind its back")
    assert again.sha256 == table.sha256
    assert len(again.columns) == 2
    assert "latency_ms" in again.columns
    assert unpacked == []
    for _ in range(2):
        np.testing.assert_array_equal(again.column("latency_ms"), table.column("latency_ms"))
    assert unpacked == ["column_1"]
    with pytest.raises(ValueError, match="read-only"):
        again.column("latency_ms")[0] = 1
    copied = pickle.loads(pickle.dumps(again))
    np.testing.assert_array_equal(copied.column("latency_ms"), table.column("latency_ms"))
    assert replace(again, benchmark_index=benchmark_index()).sha256 != table.sha256


def test_a_table_that_was_packed_anew_is_unpacked_and_checked_whole(
    table: TruthTable, tmp_path: Path, unpacked: list[str]
) -> None:
    _rewrite(table, tmp_path / "t.npz", lambda parts: parts)
    assert TruthTable.open(tmp_path / "t.npz").sha256 == table.sha256
    assert unpacked == ["column_0", "column_1"]


def test_a_head_that_exchanges_names_or_digests_is_refused(table: TruthTable, tmp_path: Path) -> None:
    table.save(tmp_path / "t.npz")
    whole = (tmp_path / "t.npz").read_bytes()
    for changes in ({"columns": list(reversed(table.columns))}, {"sha256": "0" * 64}, {"stored_sha256": "0" * 64}):
        with zipfile.ZipFile(io.BytesIO(whole)) as archive, zipfile.ZipFile(tmp_path / "u.npz", "w") as target:
            for info in archive.infolist():
                content = archive.read(info)
                if info.filename == "meta.npy":
                    packed = io.BytesIO()
                    meta = np.load(io.BytesIO(content))
                    np.save(packed, _head({"meta": meta}, **changes))
                    content = packed.getvalue()
                target.writestr(zipfile.ZipInfo(info.filename), content, zipfile.ZIP_DEFLATED)
        if "stored_sha256" in changes:
            assert TruthTable.open(tmp_path / "u.npz").sha256 == table.sha256
            continue
        with pytest.raises(DataError, match="do not match its recorded sha256"):
            TruthTable.open(tmp_path / "u.npz")


def test_missing_values_are_checked_when_a_column_is_unpacked(accuracy_A: Values, tmp_path: Path) -> None:
    gap = accuracy_A.copy()
    gap[5] = np.nan
    TruthTable("t", {"a": gap, "b": accuracy_A}, None, {"partial": ["a"]}).save(tmp_path / "t.npz")
    table = TruthTable.open(tmp_path / "t.npz")
    assert np.isnan(table.column("a")[5])
    stricter = replace(table, meta={})
    stricter.column("b")
    with pytest.raises(DataError, match="column 'a': nan"):
        stricter.column("a")


def test_no_pickle_is_in_the_file(table: TruthTable) -> None:
    stream = io.BytesIO()
    table.write(stream)
    with zipfile.ZipFile(stream) as archive:
        assert sorted(archive.namelist()) == ["column_0.npy", "column_1.npy", "meta.npy"]
    stream.seek(0)
    with np.load(stream, allow_pickle=False) as arrays:
        assert all(arrays[name].dtype.kind in "fiu" for name in arrays.files)
