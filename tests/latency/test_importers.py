"""Importers of latencies: each kind of source, what is excluded, what is refused, and that no file runs code."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from nasbench_harness.errors import DataError
from nasbench_harness.latency import open_latency
from nasbench_harness.latency.cleaning import FLOOR_FRACTION, exclude_impossible
from nasbench_harness.latency.importers.kinds import import_latency
from nasbench_harness.space import (
    CONV_3X3,
    N_ARCHITECTURES,
    all_strings,
    connected,
    operation_counts,
    parse_architecture,
)
from nasbench_harness.truth.order import benchmark_order

N = N_ARCHITECTURES


def wide(path: Path, rows: int = N, **changed: object) -> Path:
    """A CSV in the benchmark's order: `gpu_1` is 1 + benchmark index / 1000."""
    lines = ["index,gpu_1"]
    for index in range(rows):
        lines.append(f"{index},{changed.get(f'at{index}', 1 + index / 1000)}")
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_wide_csv_is_laid_out_by_our_index(tmp_path: Path) -> None:
    table = open_latency(wide(tmp_path / "t.csv"))
    assert np.allclose(table.vector("gpu_1")[benchmark_order()], 1 + np.arange(N) / 1000)
    assert table.meta["importer"] == "wide csv"
    assert table.meta["excluded"] == {}


def test_the_real_file_loses_only_cells_without_a_path(shared_data: Path) -> None:
    table = open_latency(shared_data / "latency" / "help_nasbench201_latency_ms.csv")
    assert {name: len(found["rows"]) for name, found in table.meta["excluded"].items()} == {
        "pixel3": 273,
        "raspi4": 284,
    }
    for name, found in table.meta["excluded"].items():
        assert not any(row["path"] for row in found["rows"])
        assert np.isnan(table.vector(name)[[row["index"] for row in found["rows"]]]).all()
        assert table.covered(name).sum() == N - len(found["rows"])
    assert (table.devices["1080ti_256"].device, table.devices["1080ti_256"].batch_size) == ("1080ti", 256)
    assert table.devices["essential_ph_1"].batch_size is None  # a telephone's name, not a batch of one
    assert table.devices["silver_4114"].batch_size is None


def test_impossible_values_are_found_by_the_rule_and_listed() -> None:
    ms_A = np.full(N, 10.0)
    ms_A[[5, 9]] = 0.49, 0.51
    kept, excluded = exclude_impossible({"phone": ms_A, "good": np.full(N, 3.0)})
    assert list(excluded) == ["phone"]
    assert excluded["phone"]["threshold_ms"] == pytest.approx(10 * FLOOR_FRACTION)
    (row,) = excluded["phone"]["rows"]
    assert (row["index"], row["ms"], row["arch"], row["path"]) == (5, 0.49, all_strings()[5], bool(connected()[5]))
    assert np.isnan(kept["phone"][5])
    assert kept["phone"][9] == 0.51


@pytest.mark.parametrize(("bad", "text"), [("0", "0 ms"), ("-2", "-2 ms"), ("nan", "no value"), ("", "no value")])
def test_what_is_no_latency_names_row_and_column(tmp_path: Path, bad: str, text: str) -> None:
    with pytest.raises(DataError, match=f"row 9, column 'gpu_1': {text}"):
        import_latency(wide(tmp_path / "t.csv", at7=bad))


def test_another_number_of_architectures_is_refused_unless_declared(tmp_path: Path) -> None:
    path = wide(tmp_path / "t.csv", 100)
    with pytest.raises(DataError, match="100 of 15625 architectures"):
        open_latency(path)
    assert import_latency(path, partial=True).covered("gpu_1").sum() == 100


def test_what_the_user_knows_is_recorded(tmp_path: Path) -> None:
    table = import_latency(wide(tmp_path / "t.csv"), known={"batch_size": 8, "precision": "float32"})
    assert (table.devices["gpu_1"].batch_size, table.devices["gpu_1"].precision) == (8, "float32")


def hw_nas_bench(values: object) -> dict:
    metrics = {"edgegpu_latency": values, "edgegpu_energy": [1.0] * N, "config": [{}] * 3}
    return {"nasbench201": {"cifar10": metrics, "ImageNet16-120": {"fpga_latency": np.arange(1.0, N + 1)}}, "fbnet": {}}


def pickled(path: Path, content: object, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


@pytest.mark.parametrize("protocol", [2, 4])
def test_hw_nas_bench_is_read_in_the_benchmark_order(tmp_path: Path, protocol: int) -> None:
    values = [float(index + 1) for index in range(N)]
    values[3] = np.float64(4.0)
    table = open_latency(pickled(tmp_path / "HW-NAS-Bench.pickle", hw_nas_bench(values), protocol))
    assert list(table.columns) == ["cifar10_edgegpu", "ImageNet16-120_fpga"]
    known = ~np.isnan(table.vector("cifar10_edgegpu")[benchmark_order()])
    assert np.array_equal(table.vector("cifar10_edgegpu")[benchmark_order()][known], np.arange(1.0, N + 1)[known])
    assert table.devices["ImageNet16-120_fpga"].image_size == 16


class Hostile:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_a_pickle_that_would_run_code_is_refused_unrun(tmp_path: Path) -> None:
    trace = tmp_path / "run"
    with pytest.raises(DataError, match=r"asks for .*mkdir"):
        open_latency(pickled(tmp_path / "t.pickle", hw_nas_bench(Hostile(trace))))
    assert not trace.exists()


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (hw_nas_bench([1.0] * 7), "expected 15625 architectures, found 7"),
        (hw_nas_bench(["fast"] * N), "plain numbers"),
        ({"other": {}}, "as HW-NAS-Bench"),
        ({"nasbench201": {"cifar10": {"energy": [1.0]}}}, "no metric"),
    ],
)
def test_other_pickles_are_refused(tmp_path: Path, content: object, text: str) -> None:
    with pytest.raises(DataError, match=text):
        open_latency(pickled(tmp_path / "t.pickle", content))


def test_a_torn_pickle_is_refused(tmp_path: Path) -> None:
    path = pickled(tmp_path / "t.pickle", hw_nas_bench([1.0] * N))
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError, match="nothing of it was run"):
        open_latency(path)


def operations(path: Path, **changed: object) -> Path:
    content = {
        "format": "nasbench-harness operation latencies",
        "constant_ms": 2.0,
        "cells": 5,
        "executed": "all",
        "operations_ms": {"nor_conv_3x3": [0.1, 0.2, 0.3]},
        "device": {"device": "chip", "batch_size": 1},
        **changed,
    }
    path.write_text(json.dumps(content))
    return path


def test_operation_tables_add_up(tmp_path: Path) -> None:
    table = open_latency(operations(tmp_path / "ops.json"))
    assert np.allclose(table.vector("ops"), 2.0 + 5 * 0.6 * operation_counts(CONV_3X3))
    assert (table.devices["ops"].device, table.devices["ops"].predicted) == ("chip", True)
    live = open_latency(operations(tmp_path / "live.json", executed="live"))
    assert np.allclose(live.vector("live"), 2.0 + 5 * 0.6 * operation_counts(CONV_3X3, live=True))


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"operations_ms": {"conv_5x5": [1, 1, 1]}}, "conv_5x5"),
        ({"operations_ms": {"skip_connect": [1, 1]}}, "expected 3 numbers"),
        ({"operations_ms": {"skip_connect": [1, 1, -1]}}, "at least 0"),
        ({"operations_ms": {}}, "lacks"),
        ({"executed": "some"}, "expected one of all"),
        ({"constant_ms": "much"}, "constant_ms"),
        ({"constant_ms": 0.0}, "0 ms"),  # the cell of six `none` would take no time at all
        ({"format": "other"}, "expected"),
    ],
)
def test_other_operation_tables_are_refused(tmp_path: Path, changed: dict, text: str) -> None:
    with pytest.raises(DataError, match=text):
        open_latency(operations(tmp_path / "ops.json", **changed))


def test_a_source_of_no_known_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("1 2 3")
    with pytest.raises(DataError, match="of no kind"):
        open_latency(tmp_path / "t.txt")


def test_strings_name_architectures_too(tmp_path: Path) -> None:
    first, second = all_strings()[25], all_strings()[50]
    (tmp_path / "t.csv").write_text(f"arch,cpu\n{first},1.5\n{second},2.5\n")
    ms_A = import_latency(tmp_path / "t.csv", partial=True).vector("cpu")
    assert (ms_A[parse_architecture(first)], ms_A[50]) == (1.5, 2.5)
