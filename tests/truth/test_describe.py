"""The facts of a table, as `truth info` prints them; and the embedded table."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from rich.console import Console

from nasbench_harness.errors import DataError
from nasbench_harness.space import all_strings
from nasbench_harness.truth import TruthTable, benchmark_index, describe, embedded, embedded_table
from nasbench_harness.truth.describe import print_description

Values = npt.NDArray[np.float64]


def test_facts_of_a_table(table: TruthTable, accuracy_A: Values, tmp_path: Path) -> None:
    facts = json.loads(json.dumps(describe(table), allow_nan=False))
    table.save(tmp_path / "t.npz")
    assert facts["bytes"] == (tmp_path / "t.npz").stat().st_size
    assert (facts["rows"], facts["covered"], facts["sha256"]) == (15625, 15625, table.sha256)
    assert facts["benchmark_index"] is False
    column = facts["columns"]["cifar10_test_200"]
    values = accuracy_A.tolist()
    assert (column["n"], column["distinct"]) == (15625, len(set(values)))
    assert (column["min"], column["median"], column["max"]) == (min(values), sorted(values)[7812], max(values))
    assert column["n_best"] == values.count(max(values))
    assert column["best"][0] == {
        "arch": all_strings()[values.index(max(values))],
        "index": values.index(max(values)),
        "benchmark_index": None,
    }
    assert column["chance_accuracy"] == 10.0
    assert facts["columns"]["latency_ms"]["policy"] is None


def test_partial_and_empty_columns(accuracy_A: Values) -> None:
    gaps = accuracy_A.copy()
    gaps[10:] = np.nan
    columns = {"digits_test_30": gaps, "digits_test_60": np.full(15625, np.nan)}
    facts = describe(TruthTable("t", columns, benchmark_index(), {"partial": True}))
    assert facts["covered"] == facts["columns"]["digits_test_30"]["n"] == 10
    assert facts["columns"]["digits_test_60"]["n"] == 0
    best = facts["columns"]["digits_test_30"]["best"][0]
    assert best["benchmark_index"] == benchmark_index()[best["index"]]


def test_a_package_without_its_table_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "EMBEDDED", "absent.npz")
    with pytest.raises(DataError, match=r"lacks its embedded truth table truth/absent\.npz; install"):
        embedded_table()


def test_a_ceiling_of_another_protocol_stands_under_its_own_key(accuracy_A: Values) -> None:
    other = np.roll(accuracy_A, 1)
    columns = {
        "cifar10_test_200": accuracy_A,
        "cifar10_valid_test_200": accuracy_A,
        "cifar10_valid_test_200_seed888": other,
    }
    facts = describe(TruthTable("t", columns, None, {}))["columns"]
    assert facts["cifar10_test_200"]["noise_ceiling"] is None
    assert facts["cifar10_test_200"]["noise_ceiling_proxy"]["proxy_for"] == "cifar10_test_200"
    assert facts["cifar10_valid_test_200"]["noise_ceiling"]["second"] == "cifar10_valid_test_200_seed888"
    assert facts["cifar10_valid_test_200"]["noise_ceiling_proxy"] is None
    console = Console(width=120, record=True, file=io.StringIO())
    print_description(describe(TruthTable("t", columns, None, {})), console)
    text = console.export_text()
    assert "~ proxy: " in text
    assert "< the second measurement is one seed" in text


def test_the_printed_facts_hold_every_column_and_the_best(table: TruthTable, accuracy_A: Values) -> None:
    gaps = {**table.columns, "digits_test_9": np.full(15625, np.nan)}
    described = describe(TruthTable("made-up [x]", gaps, benchmark_index(), {"partial": True, "source": "a.csv"}))
    console = Console(width=120, record=True, file=io.StringIO())
    print_description({**described, "file": "out.npz"}, console)
    text = console.export_text()
    assert "made-up [x]: 15,625 of 15,625 architectures" in text
    assert all(name in text for name in gaps)
    best = all_strings()[int(accuracy_A.argmax())]
    assert f"best cifar10_test_200: {accuracy_A.max():.4f}  {best}, benchmark index " in text
    assert "source: a.csv" in text
    assert "written: out.npz" in text
