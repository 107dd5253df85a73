"""The command line as its users meet it: results on stdout, one-line errors on stderr, documented exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nasbench_harness.cli import main

VERBS = ["run", "leaderboard", "figures", "score", "ls", "doctor", "truth"]


def test_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(verb in out for verb in VERBS)
    assert "Exit codes" in out


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (["run", "quickstrat"], 2, "did you mean quickstart"),
        (["run", "quickstart", "budget.epoch=3"], 2, "budget.epoch"),
        (["run", "quickstart", "budget.epochs"], 2, "section.key=value"),
        (["run", "quickstart", "--strategies", "one-shot"], 2, "one-shot"),
        (["run", "missing.toml"], 2, "missing.toml"),
        (["run", "quickstart", "--device", "gpu"], 2, "gpu"),
        (["run", "quickstart", "--threads", "0"], 2, "threads"),
        (["run", "quickstart", "--truth", "missing.npz"], 3, "missing.npz"),
        (["figures", "missing"], 3, "missing"),
        (["leaderboard", "missing"], 3, "missing"),
        (["score", "missing.csv"], 3, "missing.csv"),
        (["truth", "info", "missing.csv"], 3, "missing.csv"),
        (["ls", "familys"], 2, "familys"),
        (["nothing"], 2, "nothing"),
        (["run"], 2, "EXPERIMENT"),
        (["ls", "--wrong"], 2, "--wrong"),
    ],
)
def test_an_error_is_one_line_that_names_the_thing(
    arguments: list[str],
    code: int,
    named: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("nasbench-harness: ")
    assert named in captured.err
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_fault_of_the_harness_is_not_taken_for_a_regression(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(family: str | None) -> None:
        raise ZeroDivisionError(family)

    monkeypatch.setattr("nasbench_harness.catalogue.catalogue", broken)
    assert main(["ls"]) == 4
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_an_interruption_has_its_own_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(family: str | None) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nasbench_harness.catalogue.catalogue", interrupted)
    assert main(["ls"]) == 130
    assert "interrupted" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "--help"], ["score", "missing.csv"], ["figures", "x"], ["truth", "info"]]
)
def test_verbs_that_train_nothing_start_without_torch(arguments: list[str]) -> None:
    code = (
        "import sys; from nasbench_harness.cli import main; main(sys.argv[1:]); "
        "print('torch' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "False"


def test_the_first_page_of_help_does_without_markdown_and_the_others_have_it() -> None:
    code = (
        "import sys; from nasbench_harness.cli import main; main(sys.argv[1:]); "
        "print('rich.markdown' in sys.modules, file=sys.stderr)"
    )
    for arguments, loaded in ((["--help"], "False"), (["run", "--help"], "True")):
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
        assert done.stderr.splitlines()[-1] == loaded
        assert "``" not in done.stdout


def test_the_module_runs_as_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nasbench_harness", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "0.1.0"


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["run", "--help"], ["ls", "--json"]])
def test_a_reader_that_has_seen_enough_is_no_fault(arguments: list[str]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "nasbench_harness", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    _, told = process.communicate(timeout=60)
    assert (process.returncode, told) == (0, b"")
