"""The truth verbs that look into tables: compare, info --bands, export, query, import of what was exported."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nasbench_harness.cli import main
from nasbench_harness.space import N_ARCHITECTURES, all_strings
from nasbench_harness.truth import TruthTable, benchmark_index

POLICY = "cifar10_test_200"


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two tables of one truth: with two seeds, and one that differs in three places."""
    folder = tmp_path_factory.mktemp("tables")
    rng = np.random.default_rng(6)
    base = np.round(rng.uniform(20, 90, N_ARCHITECTURES), 2)
    seeds = {f"{POLICY}_seed{seed}": np.round(base + rng.normal(0, 2, N_ARCHITECTURES), 2) for seed in (1, 2)}
    other = base.copy()
    other[[5, 6, 7]] += [1.0, -2.0, 3.0]
    made = {"first": {POLICY: base, **seeds}, "second": {POLICY: other, "latency_ms": base / 7}}
    paths = {}
    for name, columns in made.items():
        paths[name] = folder / f"{name}.npz"
        TruthTable(name, columns, benchmark_index(), {}).save(paths[name])
    return paths


def asked(arguments: list[object], capsys: pytest.CaptureFixture[str]) -> dict:
    assert main([*map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_compare_tells_the_three_that_differ(tables: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["truth", "compare", tables["first"], tables["second"], "--policy", POLICY]
    found = asked([*arguments, "--largest", 2], capsys)
    assert (found["n_equal"], found["n_different"]) == (N_ARCHITECTURES - 3, 3)
    assert [row["index"] for row in found["largest"]] == [7, 6]
    assert main([*map(str, arguments)]) == 0
    drawn = capsys.readouterr().out
    for text in (all_strings()[7], "3 apart by more than rounding", "15,622 equal", "only in b: latency_ms", "tau-b"):
        assert text in drawn


def test_compare_of_two_columns_of_one_file(tables: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    first = tables["first"]
    policies = ["--policy", f"{POLICY}_seed1", "--policy-b", f"{POLICY}_seed2"]
    found = asked(["truth", "compare", first, first, *policies], capsys)
    assert found["kendall_tau"] < 1
    assert (found["a"]["column"], found["b"]["column"]) == (f"{POLICY}_seed1", f"{POLICY}_seed2")


def test_info_shows_bands_on_request(tables: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert "noise_by_band" not in asked(["truth", "info", tables["first"]], capsys)
    found = asked(["truth", "info", tables["first"], "--bands"], capsys)["noise_by_band"]
    assert list(found) == [POLICY]
    assert found[POLICY]["kind"] == "two seeds"
    assert [band["n"] for band in found[POLICY]["bands"]] == [156, 1562, 7812, N_ARCHITECTURES]
    assert main(["truth", "info", str(tables["first"]), "--bands"]) == 0
    drawn = capsys.readouterr().out
    assert "top 10 %" in drawn
    assert f"two seeds, {POLICY}_seed1 against {POLICY}_seed2" in drawn
    assert main(["truth", "info", str(tables["second"]), "--bands"]) == 0
    assert "no column has a second measurement" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_export_and_import_come_full_circle(
    kind: str, tables: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / f"out.{kind}"
    files = asked(["truth", "export", tables["second"], "--to", target], capsys)["files"]
    assert files == [str(target), str(tmp_path / "out.columns.json")]
    again = asked(["truth", "import", target], capsys)
    assert again["file"] == str(tmp_path / "out.npz")
    assert again["sha256"] == TruthTable.open(tables["second"]).sha256


def test_query_by_string_and_number(tables: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["truth", "query", all_strings()[11667], "6111", "ours:11667", "--table", tables["second"]]
    rows = asked(arguments, capsys)["architectures"]
    assert rows[0] == rows[1] == rows[2]
    assert set(rows[0]["values"]) == {POLICY, "latency_ms"}
    assert main([*map(str, arguments), "--policy", "latency_ms"]) == 0
    drawn = capsys.readouterr().out
    assert "benchmark index 6111, ours 11667" in drawn
    assert "milliseconds" in drawn
    assert POLICY not in drawn


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (["compare", "FIRST", "missing.npz"], 3, "missing.npz"),
        (["compare", "FIRST", "SECOND", "--policy", "latency_ms"], 3, "latency_ms"),
        (["compare", "FIRST", "SECOND", "--policy", f"{POLICY}_seed1"], 3, "--policy-b"),
        (["compare", "FIRST"], 2, "B"),
        (["export", "FIRST", "--to", "out.xlsx"], 2, ".parquet"),
        (["export", "FIRST"], 2, "--to"),
        (["query", "--table", "FIRST"], 2, "no architecture named"),
        (["query", "15625", "--table", "FIRST"], 2, "15624"),
        (["query", "|none~0|", "--table", "FIRST"], 2, "|none~0|"),
        (["query", "1", "--table", "FIRST", "--policy", "cifar10_tset_200"], 3, "did you mean cifar10_test_200"),
    ],
)
def test_an_error_is_one_line_and_writes_nothing(
    arguments: list[str],
    code: int,
    named: str,
    tables: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    files = {"FIRST": str(tables["first"]), "SECOND": str(tables["second"])}
    assert main(["truth", *(files.get(argument, argument) for argument in arguments)]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert named in captured.err
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_cannot_be_written_leaves_nothing(
    tables: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("not a folder")
    assert main(["truth", "export", str(tables["first"]), "--to", str(tmp_path / "file" / "out.csv")]) == 2
    assert "cannot write" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_query_without_its_table_tells_how_to_fetch_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NASBENCH_HARNESS_DATA", str(tmp_path))
    assert main(["truth", "query", "6111", "--policy", POLICY]) == 3
    assert "data fetch nas-bench-201-accuracy" in capsys.readouterr().err


def test_compare_of_the_published_truths(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sources = [shared_data / "nas-bench-201" / "accuracy.csv", shared_data / "published-scores" / "few_shot_nas.csv"]
    found = asked(["truth", "compare", *sources, "--policy", POLICY, "--policy-b", "truth_single_run"], capsys)
    assert found["kendall_tau"] == pytest.approx(0.9898, abs=5e-5)
    assert found["n_different"] == 2359


def test_a_truth_table_that_lacks_one_row_is_refused_and_nothing_is_written(
    truth_csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = truth_csv.read_text().splitlines()
    short = tmp_path / "short.csv"
    short.write_text("\n".join(lines[:-1]) + "\n")
    assert main(["truth", "import", str(short)]) == 3
    error = capsys.readouterr().err
    assert all_strings()[-1] in error
    assert [path.name for path in tmp_path.iterdir()] == ["short.csv"]
