"""What leaderboard and compare do with --latex, --markdown, --csv, --columns, --sort, --reverse and --wide."""

from __future__ import annotations

import json
import re

import pytest

from nasbench_harness.cli import main
from nasbench_harness.cli.tables import with_files


@pytest.fixture(scope="module")
def run(fake, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables") / "run"
    fake.write_run(folder, {"good": [0.5, 0.52, 0.51], "bad": [0.2, 0.21, 0.22]})
    return str(folder)


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")


def out(capsys, *arguments: str, code: int = 0) -> str:
    assert main(list(arguments)) == code
    return re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)


def test_without_a_file_the_text_takes_the_place_of_the_table(run, capsys):
    for option, start in (("--markdown", "### "), ("--latex", "% "), ("--csv", "strategy,")):
        for arguments in (
            ["leaderboard", run, option],
            ["leaderboard", option, run],
            ["leaderboard", run, option, "-"],
        ):
            assert out(capsys, *arguments).startswith(start)
    assert out(capsys, "compare", run, f"{run}/good", "--csv", code=1).startswith("strategy,verdict,")


def test_files_stand_beside_the_table_or_json(run, tmp_path, capsys):
    files = [tmp_path / name for name in ("a.md", "a.tex", "a.csv")]
    arguments = ["--markdown", str(files[0]), "--latex", str(files[1]), "--csv", str(files[2])]
    assert main(["leaderboard", run, *arguments, "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["rows"]
    assert captured.err.splitlines() == [f"table in {file}" for file in (files[1], files[0], files[2])]
    assert files[0].read_text() == out(capsys, "leaderboard", run, "--markdown")
    assert "good" in out(capsys, "leaderboard", run, "--csv", str(files[2]))


def test_rows_and_columns_as_asked(run, capsys):
    text = out(capsys, "leaderboard", run, "--columns", "seeds,tau", "--sort", "tau", "--reverse", "--csv")
    rows = [line.split(",") for line in text.splitlines()]
    assert [row[0] for row in rows[1:3]] == ["bad", "good"]
    assert "regret" not in rows[0]
    text = out(capsys, "leaderboard", run, "--columns", "tau")
    assert "regret@10" not in text


def test_a_narrow_terminal_and_wide(run, capsys, terminal):
    narrow = out(capsys, "leaderboard", run)
    assert max(map(len, narrow.splitlines())) <= 80
    assert "left out for want of width" in narrow
    wide = out(capsys, "leaderboard", run, "--wide")
    assert "left out" not in wide
    assert "memory" in wide
    assert max(map(len, out(capsys, "leaderboard", run, "--columns", "tau,spearman,memory").splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--markdown", "--latex"], "--latex and --markdown would both print"),
        (["--csv", "--json"], "--csv and --json would both print"),
        (["--reverse"], "--sort"),
        (["--sort", "luck"], "no column 'luck'"),
        (["--columns", ","], "--columns names none"),
        (["--csv", "/proc/nowhere/x.csv"], "/proc/nowhere"),
    ],
)
def test_bad_requests_are_one_line(run, arguments, named, capsys):
    assert main(["leaderboard", run, *arguments]) in (2, 3)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert named in captured.err


def test_an_option_without_its_file_means_stdout(tmp_path):
    folder = str(tmp_path)
    assert with_files(["leaderboard", "--csv", folder]) == ["leaderboard", "--csv=-", folder]
    assert with_files(["leaderboard", folder, "--csv"]) == ["leaderboard", folder, "--csv=-"]
    assert with_files(["compare", "--csv", "--json"]) == ["compare", "--csv=-", "--json"]
    assert with_files(["compare", "--csv", "new.csv"]) == ["compare", "--csv", "new.csv"]
    assert with_files(["other", "--csv"]) == ["other", "--csv"]
    assert with_files([]) == []
