"""Tables out and in again, single values, and the one call for a vector."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import nasbench_harness
from nasbench_harness.errors import DataError, HarnessError, UsageError
from nasbench_harness.space import N_ARCHITECTURES, all_strings
from nasbench_harness.truth import TruthTable, benchmark_index, benchmark_order, import_table
from nasbench_harness.truth.export import describe_export, export_table, unit_of
from nasbench_harness.truth.query import architecture_of, query


@pytest.fixture
def numbers() -> TruthTable:
    """Values that any rounding would change, under the benchmark's order."""
    rng = np.random.default_rng(9)
    values = rng.uniform(0, 100, N_ARCHITECTURES)
    values[:3] = 0.1 + 0.2, 5e-324, 100.0
    columns = {"cifar10_test_200": values, "latency_ms": rng.uniform(0, 1e6, N_ARCHITECTURES)}
    return TruthTable("numbers", columns, benchmark_index(), {"origin": "test"})


@pytest.fixture
def holes(numbers: TruthTable) -> TruthTable:
    """Some rows without any value, some with one of two."""
    columns = {name: values.copy() for name, values in numbers.columns.items()}
    columns["cifar10_test_200"][100:4000] = np.nan
    columns["latency_ms"][3000:9000] = np.nan
    return TruthTable("holes", columns, benchmark_index(), {"partial": True})


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_what_is_exported_comes_in_again_to_the_last_bit(kind: str, numbers: TruthTable, tmp_path: Path) -> None:
    path, about = export_table(numbers, tmp_path / f"numbers.{kind}")
    again = import_table(path)
    assert again.sha256 == numbers.sha256
    assert json.loads(about.read_text()) == describe_export(numbers)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["numbers.columns.json", f"numbers.{kind}"]


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_missing_values_stay_missing(kind: str, holes: TruthTable, tmp_path: Path) -> None:
    path, _ = export_table(holes, tmp_path / f"holes.{kind}")
    with pytest.raises(DataError):
        import_table(path)
    again = import_table(path, partial=True)
    assert again.sha256 == holes.sha256
    assert describe_export(holes)["rows"] == holes.covered.sum() == N_ARCHITECTURES - 1000


def test_rows_stand_in_the_benchmarks_order_with_both_names(numbers: TruthTable, tmp_path: Path) -> None:
    frame = pl.read_csv(export_table(numbers, tmp_path / "n.csv")[0])
    assert frame.columns == ["arch", "index", "cifar10_test_200", "latency_ms"]
    assert frame["index"].to_list() == list(range(N_ARCHITECTURES))
    assert frame["arch"].to_list() == [all_strings()[ours] for ours in benchmark_order()]
    parquet = pl.read_parquet(export_table(numbers, tmp_path / "n.parquet")[0])
    assert parquet.equals(frame.cast({"index": pl.Int32}))


def test_another_ending_is_wrong_usage_and_writes_nothing(numbers: TruthTable, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.csv, \.parquet, \.json"):
        export_table(numbers, tmp_path / "n.xlsx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("column", "unit"),
    [
        ("cifar10_test_200", "percent"),
        ("latency_ms", "milliseconds"),
        ("training_seconds", "seconds"),
        ("cifar10_latency_seconds", "seconds"),
        ("latency", "not stated"),
        ("flops", "multiply-adds"),
        ("cifar10_flops_millions", "millions of multiply-adds"),
        ("cifar10_parameters_millions", "millions of parameters"),
        ("parameters", "parameters"),
        ("stated", "joules"),
        ("remainder", "not stated"),
    ],
)
def test_units(column: str, unit: str) -> None:
    table = TruthTable("t", {column: np.zeros(N_ARCHITECTURES)}, None, {"units": {"stated": "joules"}})
    assert unit_of(table, column) == unit


def test_an_architecture_has_three_names(numbers: TruthTable) -> None:
    text = all_strings()[11667]
    assert architecture_of(text) == architecture_of("ours:11667") == architecture_of("6111") == 11667
    found = query(numbers, [text, "6111", "ours:11667"])
    assert found["architectures"][0] == found["architectures"][1] == found["architectures"][2]
    row = found["architectures"][0]
    assert (row["arch"], row["index"], row["benchmark_index"]) == (text, 11667, 6111)
    assert row["values"] == {name: values[11667] for name, values in numbers.columns.items()}
    assert found["units"] == {"cifar10_test_200": "percent", "latency_ms": "milliseconds"}


def test_a_query_of_one_column_tells_a_missing_value(holes: TruthTable) -> None:
    found = query(holes, ["ours:100"], "cifar10_test_200")
    assert found["architectures"][0]["values"] == {"cifar10_test_200": None}
    with pytest.raises(DataError, match="did you mean"):
        query(holes, ["1"], "cifar10_test_100")


@pytest.mark.parametrize("text", ["15625", "ours:15625", "theirs:3", "-1", "|none~0|", ""])
def test_no_architecture(text: str) -> None:
    with pytest.raises(HarnessError):
        architecture_of(text)


def test_a_query_needs_an_architecture(numbers: TruthTable) -> None:
    with pytest.raises(UsageError, match="no architecture named"):
        query(numbers, [])


def test_one_call_gives_a_vector(numbers: TruthTable, holes: TruthTable, tmp_path: Path) -> None:
    for table in (numbers, holes):
        table.save(tmp_path / f"{table.name}.npz")
    vector = nasbench_harness.truth_vector("cifar10_test_200", tmp_path / "numbers.npz")
    np.testing.assert_array_equal(vector, numbers.column("cifar10_test_200"))
    vector[0] = 1.0  # the caller's own copy
    by_benchmark = nasbench_harness.truth_vector("latency_ms", tmp_path / "numbers.npz", order="benchmark")
    np.testing.assert_array_equal(by_benchmark, numbers.column("latency_ms")[benchmark_order()])
    with pytest.raises(DataError, match="no value for 3900 of 15625"):
        nasbench_harness.truth_vector("cifar10_test_200", tmp_path / "holes.npz")
    loose = nasbench_harness.truth_vector("cifar10_test_200", tmp_path / "holes.npz", allow_missing=True)
    assert np.isnan(loose).sum() == 3900
    with pytest.raises(UsageError, match="'index'"):
        nasbench_harness.truth_vector("latency_ms", tmp_path / "numbers.npz", order="ours")  # type: ignore[arg-type]


def test_the_package_itself_loads_nothing() -> None:
    program = (
        "import sys, nasbench_harness; before = 'numpy' in sys.modules; nasbench_harness.truth_vector; "
        "print(before, [name for name in ('torch', 'polars', 'requests', 'pooch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False []"
    with pytest.raises(AttributeError, match="truth_vectr"):
        nasbench_harness.truth_vectr  # noqa: B018
