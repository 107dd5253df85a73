"""The verb ``report``: a page and what is on it, and one clear line for what cannot be one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import nasbench_harness as nh
from nasbench_harness.cli import main

TAUS = {"one": [0.30, 0.31, 0.32], "other": [0.60, 0.61, 0.62]}


@pytest.fixture(scope="module")
def mine(fake: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fake.write_run(tmp_path_factory.mktemp("mine") / "mine", TAUS)


def line(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr."""
    [text] = capsys.readouterr().err.splitlines()
    return text


def test_the_page_is_written_and_its_contents_are_printed(
    mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    assert main(["report", str(mine), "--out", str(page), "--baseline", str(mine / "one"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["file"], found["bytes"]) == (str(page), page.stat().st_size)
    assert (found["strategies"], found["units"], found["architectures"]) == (["one", "other"], 6, 400)
    assert found["truth"] is False  # the made records name a table that nobody has
    assert [one["summary"] for one in found["verdicts"]] == ["1 better"]
    assert "No accuracies of single architectures on this page: " in page.read_text(encoding="utf-8")


def test_runs_of_one_protocol_share_a_page_and_python_writes_the_same(
    fake: Any, mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = fake.write_run(tmp_path / "more", {"third": [0.2]})
    assert main(["report", str(mine), str(more), "--out", str(tmp_path / "a.html")]) == 0
    assert "3 strategies, 7 units, scores of 7 of them, without the truth" in capsys.readouterr().out
    assert main(["report", str(mine), "--out", str(tmp_path / "b.html")]) == 0
    assert nh.read_run(mine).report(tmp_path / "c.html")["units"] == 6
    assert (tmp_path / "b.html").read_bytes() == (tmp_path / "c.html").read_bytes()


def test_the_truth_is_on_the_page_where_the_records_were_judged_by_it(
    mine: Path, tmp_path: Path, truth_csv: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = ["report", str(mine), "--out", str(tmp_path / "page.html"), "--truth", str(truth_csv)]
    assert main(wanted) == 3
    assert "made" in (fault := line(capsys))
    assert "is another; name that one by --truth, or judge again by --policy cifar10_test_200" in fault
    assert not (tmp_path / "page.html").exists()
    assert main([*wanted, "--policy", "cifar10_test_200", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["truth"] is True
    assert nh.read_run(mine).report(tmp_path / "page.html", truth=truth_csv, policy="cifar10_test_200")["truth"]


def test_a_truth_of_the_environment_that_is_another_is_passed_over(
    mine: Path, tmp_path: Path, truth_csv: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NASBENCH_HARNESS_TRUTH", str(truth_csv))
    wanted = ["report", str(mine), "--out", str(tmp_path / "page.html"), "--json"]
    assert main(wanted) == 0
    assert json.loads(capsys.readouterr().out)["truth"] is False
    assert main([*wanted, "--policy", "cifar10_test_200"]) == 0
    assert json.loads(capsys.readouterr().out)["truth"] is True


def test_runs_of_different_protocols_are_refused(
    fake: Any, mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    longer = fake.write_run(tmp_path / "longer", {"one": [0.3]}, training={"batch_size": 128, "learning_rate": 0.025})
    assert main(["report", str(mine), str(longer), "--out", str(tmp_path / "page.html")]) == 2
    assert "is of another protocol than" in (fault := line(capsys))
    assert "training.batch_size: 128, there 64" in fault
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["{empty}"], 3, "no finished unit"),
        (["{mine}", "--out", "{empty}/file/page.html"], 2, "cannot write"),
        (["{mine}", "--max-mb", "0"], 2, "--max-mb: expected a size above 0, found 0"),
        (["{mine}", "--max-mb", "0.01", "--out", "{empty}/page.html"], 2, "bytes, more than 10,000"),
        (["{mine}", "--signal", "luck"], 3, "no score column 'luck'"),
        ([], 2, "RUN_DIRS"),
    ],
)
def test_what_cannot_be_a_page_is_told_in_one_line(
    arguments: list[str], code: int, words: str, mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "file").write_text("")
    filled = [each.format(mine=mine, empty=empty) for each in arguments]
    assert main(["report", *filled]) == code
    assert words in line(capsys)
    assert [path.name for path in empty.iterdir()] == ["file"]


def test_the_default_place_is_in_the_first_run_and_goes_with_it(
    fake: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = fake.write_run(tmp_path / "run", {"one": [0.3]})
    assert main(["report", str(run)]) == 0
    assert (run / "report.html").is_file()
    assert main(["results", "rm", str(run), "--yes"]) == 0
    assert not run.exists()
