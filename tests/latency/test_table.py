"""Latency tables: what they accept, how they are stored, and how damaged ones are refused."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.latency import DeviceInfo, LatencyTable, open_latency
from nasbench_harness.space import N_ARCHITECTURES


def made(**columns: np.ndarray) -> LatencyTable:
    info = DeviceInfo(device="some chip", batch_size=4, precision="float32", software={"torch": "2"}, repeats=7)
    return LatencyTable("made", columns, dict.fromkeys(columns, info), {"origin": "test"})


@pytest.fixture
def ms_A() -> np.ndarray:
    values = np.random.default_rng(3).uniform(1, 20, N_ARCHITECTURES)
    values[17] = np.nan
    return values


def test_a_stored_table_comes_back_the_same(tmp_path: Path, ms_A: np.ndarray) -> None:
    table = made(gpu=ms_A, cpu=2 * ms_A)
    table.save(tmp_path / "t.npz")
    again = open_latency(tmp_path / "t.npz")
    assert np.array_equal(again.vector("gpu"), ms_A, equal_nan=True)
    assert (again.name, again.meta, again.devices) == (table.name, table.meta, table.devices)
    assert again.sha256 == table.sha256
    assert not again.vector("cpu").flags.writeable
    assert again.covered("gpu").sum() == N_ARCHITECTURES - 1


def test_equal_tables_give_equal_files(tmp_path: Path, ms_A: np.ndarray) -> None:
    for name in ("a.npz", "b.npz"):
        made(gpu=ms_A).save(tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize("bad", [0.0, -1.0, np.inf])
def test_what_is_no_latency_is_refused(ms_A: np.ndarray, bad: float) -> None:
    ms_A[3] = bad
    with pytest.raises(DataError, match=r"column 'gpu'.*no latency"):
        made(gpu=ms_A)


@pytest.mark.parametrize(("column", "text"), [(np.ones(7), "found 7"), (np.full(N_ARCHITECTURES, np.nan), "no value")])
def test_columns_of_another_kind_are_refused(column: np.ndarray, text: str) -> None:
    with pytest.raises(DataError, match=text):
        made(gpu=column)


def test_an_unknown_device_names_the_nearest(ms_A: np.ndarray) -> None:
    with pytest.raises(DataError, match="did you mean titan_rtx_256"):
        made(titan_rtx_256=ms_A, fpga=ms_A).vector("titan_rtx_265")


def test_one_column_needs_no_name(ms_A: np.ndarray) -> None:
    assert made(gpu=ms_A).only(None) == "gpu"
    with pytest.raises(UsageError, match="several columns"):
        made(gpu=ms_A, cpu=ms_A).only(None)


def test_damaged_files_are_refused(tmp_path: Path, ms_A: np.ndarray) -> None:
    path = tmp_path / "t.npz"
    made(gpu=ms_A).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="not a whole latency table"):
        LatencyTable.load(path)
    with pytest.raises(DataError, match="no latency table"):
        open_latency(tmp_path / "absent.npz")
    with pytest.raises(UsageError, match=r"stored as \.npz"):
        made(gpu=ms_A).save(tmp_path / "t.csv")


def test_changed_numbers_and_pickled_objects_are_refused(tmp_path: Path, ms_A: np.ndarray) -> None:
    path = tmp_path / "t.npz"
    made(gpu=ms_A).save(path)
    with zipfile.ZipFile(path) as archive:
        head = archive.read("head.npy")
    for array, text in ((ms_A * 2, "sha256"), (np.array([{}], dtype=object), "plain numeric")):
        packed = io.BytesIO()
        np.lib.format.write_array(packed, array)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("head.npy", head)
            archive.writestr("column_0.npy", packed.getvalue())
        with pytest.raises(DataError, match=text):
            LatencyTable.load(path)
