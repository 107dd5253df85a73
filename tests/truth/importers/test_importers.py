"""Importing CSV and JSON: what is understood, and every fault with its row and remedy."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from nasbench_harness.errors import DataError
from nasbench_harness.space import all_strings
from nasbench_harness.truth import TruthPolicy, TruthTable, benchmark_index, benchmark_order, import_table, open_table

Values = npt.NDArray[np.float64]
Lines = list[str]
Write = Callable[[str, Lines], Path]
COLUMN = "cifar10_test_200"


def test_csv_by_string_in_any_order(write: Write, csv_lines: Lines, accuracy_A: Values) -> None:
    header, *rows = csv_lines
    path = write("mine.csv", [header, *reversed(rows)])
    table = import_table(path)
    np.testing.assert_array_equal(table.column(COLUMN), accuracy_A)
    assert table.name == "mine"
    assert table.meta["source"] == "mine.csv"
    assert table.meta["source_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert table.benchmark_index is not None
    np.testing.assert_array_equal(table.benchmark_index, benchmark_index())


def test_csv_by_benchmark_index(write: Write, accuracy_A: Values) -> None:
    rows = [f"{number},{accuracy_A[index]}" for number, index in enumerate(benchmark_order())]
    table = import_table(write("by-index.csv", [f"index,{COLUMN}", *rows]), name="named")
    np.testing.assert_array_equal(table.column(COLUMN), accuracy_A)
    assert table.name == "named"


def test_spaces_quotes_blank_lines_and_a_byte_order_mark(write: Write, csv_lines: Lines, accuracy_A: Values) -> None:
    lines = [f'"{row.split(",")[0]}", {row.split(",")[1]} ' for row in csv_lines[1:]]
    path = write("odd.csv", ["\ufeff" + csv_lines[0], "", *lines, ""])
    np.testing.assert_array_equal(import_table(path).column(COLUMN), accuracy_A)


@pytest.mark.parametrize("nested", [True, False])
@pytest.mark.parametrize("by_index", [True, False])
def test_json_in_its_four_shapes(tmp_path: Path, accuracy_A: Values, nested: bool, by_index: bool) -> None:
    keys = [str(n) for n in benchmark_index()] if by_index else all_strings()
    values = [{COLUMN: float(v)} if nested else float(v) for v in accuracy_A]
    path = tmp_path / "t.json"
    path.write_text(json.dumps(dict(zip(keys, values, strict=True))))
    np.testing.assert_array_equal(import_table(path).column(COLUMN if nested else "value"), accuracy_A)


def test_any_numeric_column_is_kept_and_told_apart(write: Write, csv_lines: Lines) -> None:
    header, *rows = csv_lines
    table = import_table(write("t.csv", [f"{header},latency_ms", *(f"{row},1234.5" for row in rows)]))
    assert table.meta["other_columns"] == ["latency_ms"]
    assert table.column("latency_ms")[0] == 1234.5


def test_a_partial_table_is_imported_only_when_declared(write: Write, csv_lines: Lines, accuracy_A: Values) -> None:
    header, first, second, *_ = csv_lines
    path = write("t.csv", [header + ",digits_test_30", first + ",", second + ",50"])
    with pytest.raises(DataError, match=r"t\.csv: 2 of 15625 architectures.*--partial"):
        import_table(path)
    table = import_table(path, partial=True)
    assert table.meta["partial"] is True
    np.testing.assert_array_equal(np.flatnonzero(table.covered), [0, 1])
    truth = TruthPolicy("digits_test_30").apply(table)
    assert (truth.n, truth.index_A.tolist(), truth.accuracy_A.tolist()) == (1, [1], [50.0])


def test_index_and_string_may_be_ours_or_the_benchmarks(write: Write, csv_lines: Lines, accuracy_A: Values) -> None:
    header, *rows = csv_lines
    for numbers in (range(15625), benchmark_index()):
        lines = [f"{number},{row}" for number, row in zip(numbers, rows, strict=True)]
        table = import_table(write("t.csv", [f"index,{header}", *lines]))
        np.testing.assert_array_equal(table.column(COLUMN), accuracy_A)


def _faulty(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_a_missing_architecture_is_named(write: Write, csv_lines: Lines) -> None:
    text = all_strings()[499]
    number = int(benchmark_index()[499])
    path = write("t.csv", csv_lines[:500] + csv_lines[501:])
    with pytest.raises(DataError) as caught:
        import_table(path)
    assert f"15624 of 15625 architectures; missing {text} (benchmark index {number});" in str(caught.value)


def test_a_repeated_architecture_is_named_with_both_rows(write: Write, csv_lines: Lines) -> None:
    with pytest.raises(DataError, match=r"t\.csv, row 10: \|none~0\|.* was already given in row 4; keep one"):
        import_table(write("t.csv", [*csv_lines[:9], csv_lines[3], *csv_lines[9:]]))


def _with(lines: Lines, row: int, text: str) -> Lines:
    return [*lines[: row - 1], text, *lines[row:]]


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("", "row 7, column 'cifar10_test_200': no value; fix it, or import with --partial"),
        ("nan", "row 7, column 'cifar10_test_200': no value"),
        ("inf", "row 7, column 'cifar10_test_200': inf; fix it"),
        ("100.5", r"row 7, column 'cifar10_test_200': 100.5 is not an accuracy in percent \(0 to 100\)"),
        ("-1", "row 7, column 'cifar10_test_200': -1 is not an accuracy"),
        ("n/a", "row 7, column 'cifar10_test_200': 'n/a' is not a number; fix it, or remove the column"),
        ("9_3", "row 7, column 'cifar10_test_200': '9_3' is not a number"),
        ("1,2", r"row 7: 3 cells, expected 2 as in the header; fix the row"),
    ],
)
def test_a_faulty_cell_is_named(write: Write, csv_lines: Lines, cell: str, said: str) -> None:
    arch = csv_lines[6].split(",")[0]
    with pytest.raises(DataError, match=r"t\.csv, " + said):
        import_table(write("t.csv", _with(csv_lines, 7, f"{arch},{cell}")))


def test_an_unknown_architecture_is_named(write: Write, csv_lines: Lines) -> None:
    with pytest.raises(DataError, match=r"t\.csv, row 3: .*sep_conv"):
        import_table(write("t.csv", _with(csv_lines, 3, "|sep_conv~0|+|none~0|none~1|+|none~0|none~1|none~2|,50")))


def test_infinity_and_range_are_refused_in_partial_tables_too(write: Write, csv_lines: Lines) -> None:
    arch = csv_lines[1].split(",")[0]
    for cell, said in (("inf", "inf; fix it"), ("101", "101 is not an accuracy")):
        with pytest.raises(DataError, match=said):
            import_table(write("t.csv", [csv_lines[0], f"{arch},{cell}"]), partial=True)


@pytest.mark.parametrize("number", ["15625", "-1", "1.5", "x", ""])
def test_a_number_outside_the_benchmark_is_refused(write: Write, number: str) -> None:
    with pytest.raises(DataError, match=rf"row 2: '{number}' is not a benchmark index"):
        import_table(write("t.csv", [f"index,{COLUMN}", f"{number},50"]))


def test_the_same_benchmark_index_twice_is_refused(write: Write) -> None:
    with pytest.raises(DataError, match=r"row 3: .* was already given in row 2"):
        import_table(write("t.csv", [f"index,{COLUMN}", "4,50", "4,51"]))


def test_mixed_index_orders_are_refused_at_the_first_contradiction(write: Write, csv_lines: Lines) -> None:
    header, *rows = csv_lines
    numbers = benchmark_index().tolist()
    numbers[1000] = 1000  # our index among the benchmark's
    lines = [f"{number},{row}" for number, row in zip(numbers, rows, strict=True)]
    with pytest.raises(
        DataError, match=r"row 1002: index 1000 is not the number of its architecture .* remove the col"
    ):
        import_table(write("t.csv", [f"index,{header}", *lines]))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty; expected a header"),
        (f"arch,{COLUMN}\n", "has a header but no rows"),
        ("cell,accuracy\nx,1\n", "neither a column `arch` .* found cell, accuracy"),
        ("arch,a,a\nx,1,2\n", "the column name 'a' stands twice"),
        ("arch,,a\nx,1,2\n", "a column has no name"),
        ("arch,index\nx,1\n", "no column of values"),
        ('arch,a\n"x,1\n', "not a CSV file"),
    ],
)
def test_a_csv_of_the_wrong_shape(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError, match=rf"t\.csv.*{said}"):
        import_table(_faulty(tmp_path, "t.csv", text))


def test_binary_content_under_a_text_name(tmp_path: Path) -> None:
    for name, said in (("t.csv", "not a CSV file in UTF-8"), ("t.json", "not JSON")):
        (tmp_path / name).write_bytes(b"\x80\x04\x95\xff\xfe")
        with pytest.raises(DataError, match=said):
            import_table(tmp_path / name)


NONE = all_strings()[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("{}", "with|holds entries"),
        ("[1, 2]", "expected an object"),
        ('{"nonsense": 1}', "entry 'nonsense': "),
        (f'{{"{NONE}": 1, "3": 2}}', "entry '3': "),
        (f'{{"3": 1, "{NONE}": 2}}', "is not a benchmark index"),
        (f'{{"{NONE}": 1, "{NONE}": 2}}', "was already given in entry"),
        (f'{{"{NONE}": "50"}}', "column 'value': '50' is not a number"),
        (f'{{"{NONE}": true}}', "True is not a number"),
        (f'{{"{NONE}": {{"a": [1]}}}}', "column 'a': .* is not a number"),
        (f'{{"{NONE}": {{"a": 1, "a": 2}}}}', "a column stands twice"),
        (f'{{"{NONE}": {{}}}}', "hold no values"),
        (f'{{"{NONE}": {{"a": 1e999}}}}', "inf; fix it"),
    ],
)
def test_json_faults(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        import_table(_faulty(tmp_path, "t.json", text), partial=True)
    assert "t.json" in str(caught.value)


def test_json_columns_may_be_uneven_in_a_partial_table(tmp_path: Path) -> None:
    a, b, c = all_strings()[:3]
    text = json.dumps({a: {"x": 1}, b: {"y": 2}, c: {"x": None, "y": 3}})
    table = import_table(_faulty(tmp_path, "t.json", text), partial=True)
    np.testing.assert_array_equal(table.column("x")[:3], [1, np.nan, np.nan])
    np.testing.assert_array_equal(table.column("y")[:3], [np.nan, 2, 3])


def test_absent_files_and_unknown_kinds(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file or folder at"):
        import_table(tmp_path / "absent.csv")
    (tmp_path / "t.xlsx").write_text("x")
    with pytest.raises(DataError, match=r"t\.xlsx is of no kind that can be imported \(csv, json, parquet, "):
        import_table(tmp_path / "t.xlsx")


def test_open_table_takes_tables_and_sources_alike(
    write: Write, csv_lines: Lines, table: TruthTable, tmp_path: Path
) -> None:
    table.save(tmp_path / "t.npz")
    assert open_table(tmp_path / "t.npz").sha256 == table.sha256
    assert open_table(write("t.csv", csv_lines)).name == "t"
    with pytest.raises(DataError, match="no truth table at"):
        open_table(tmp_path / "absent")


def test_the_real_table(shared_data: Path, tmp_path: Path) -> None:
    table = import_table(shared_data / "nas-bench-201" / "accuracy.csv")
    table.save(tmp_path / "nb201.npz")
    table = TruthTable.open(tmp_path / "nb201.npz")
    expected = {
        "cifar10_test_200": (94.373333, {6111, 13714}),
        "cifar100_test_200": (73.513333, {9930}),
        "imagenet16_120_test_200": (47.311111, {857}),
    }
    for column, (best, numbers) in expected.items():
        truth = TruthPolicy(column).apply(table)
        assert truth.n == 15625
        assert truth.best == best
        assert set(benchmark_index()[truth.index_A[truth.accuracy_A == best]].tolist()) == numbers
