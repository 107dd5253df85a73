"""What cannot be read among stored records: the others are shown, it is named, and the exit code says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nasbench_harness.cli import main

TAUS = {"one": [0.30, 0.31], "other": [0.60, 0.61]}


@pytest.fixture
def damaged(fake: Any, tmp_path: Path) -> Path:
    """A run in which the record of one of four units is not what was written."""
    run: Path = fake.write_run(tmp_path / "run", TAUS)
    path = run / "other" / "seed-1" / "record.json"
    path.write_text(path.read_text().replace("0.6", "0.7", 1))
    return run


@pytest.mark.parametrize(
    "verb", [["leaderboard"], ["report", "--out", "page.html"], ["figures", "--only", "tau_by_strategy"]]
)
def test_a_record_that_cannot_be_read_is_named_and_the_others_are_shown(
    verb: list[str],
    damaged: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([verb[0], str(damaged), *verb[1:], "--json"]) == 3
    out, err = capsys.readouterr()
    place = f"{damaged / 'other' / 'seed-1' / 'record.json'}: its content is not what was written"
    [line] = json.loads(out)["unreadable"]
    assert line.startswith(place)
    assert f"not shown: {place}" in err
    assert err.splitlines()[-1].endswith("1 stored records or folders cannot be read (above); the others are shown")


def test_the_page_says_what_it_lacks(damaged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.html"
    assert main(["report", str(damaged), "--out", str(page), "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["units"] == 3
    assert "1 stored unit of this run is not on this page: the record cannot be read." in page.read_text()


def test_a_unit_with_damaged_scores_stands_on_the_page_without_them(
    fake: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = fake.write_run(tmp_path / "run", TAUS)
    scores = run / "one" / "seed-0" / "scores.parquet"
    scores.write_bytes(scores.read_bytes()[:-1])
    assert main(["report", str(run), "--out", str(tmp_path / "page.html"), "--json"]) == 3
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert (found["units"], found["without_scores"]) == (4, [{"strategy": "one", "seed": 0}])
    assert found["unreadable"][0].startswith(str(scores))
    assert f"not shown: {scores}" in err


def test_where_nothing_can_be_read_there_is_no_page(
    fake: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = fake.write_run(tmp_path / "run", {"one": [0.3]})
    (run / "one" / "seed-0" / "record.json").write_text("{")
    assert main(["report", str(run), "--out", str(tmp_path / "page.html")]) == 3
    [line] = capsys.readouterr().err.splitlines()
    assert "none of its 1 records can be read" in line
    assert not (tmp_path / "page.html").exists()
