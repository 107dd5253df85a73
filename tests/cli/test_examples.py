"""The examples of every verb's help parse, and every verb has one; completion scripts are whole."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess

import pytest

from nasbench_harness.cli import main
from nasbench_harness.cli.app import GROUPS, VERBS, app
from nasbench_harness.cli.examples import EXAMPLES, epilogue
from nasbench_harness.cli.tables import with_files

LEAVES = [*VERBS, *(f"{group} {verb}" for group, (_, verbs) in GROUPS.items() for verb in verbs)]
LINES = [(verb, line) for verb, lines in EXAMPLES.items() for line in lines]


def test_every_verb_has_an_example_and_no_other() -> None:
    assert set(EXAMPLES) == set(LEAVES)


@pytest.mark.parametrize(("verb", "line"), LINES)
def test_an_example_parses_as_that_verb(verb: str, line: str) -> None:
    words = with_files(shlex.split(line.partition(" > ")[0]))
    command, bound, _ = app.parse_args(words, print_error=False, exit_on_error=False)
    expected = VERBS[verb] if verb in VERBS else GROUPS[verb.split(maxsplit=1)[0]][1][verb.split()[1]]
    assert command is expected
    assert bound.arguments or verb == "doctor"


@pytest.mark.parametrize("width", [80, 100])
def test_help_shows_the_examples_whole_within_the_width(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert main(["results", "show", "--help"]) == 0
    out = capsys.readouterr().out
    assert f"nasbench-harness {EXAMPLES['results show'][0]}" in out
    assert "Exit codes" in out
    assert max(map(len, out.splitlines())) <= width


def test_a_verb_without_examples_shows_exit_codes() -> None:
    assert epilogue("none", "codes") == "codes"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_verbs_and_options(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for word in ("leaderboard", "baseline", "update", "markdown", "max-latency"):
        assert word in script
    assert main(["completion", shell, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["script"].rstrip() == script.rstrip()
    if checker := shutil.which(shell):
        subprocess.run([checker, "-n"], input=script, text=True, check=True)


def test_completion_of_an_unknown_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "tcsh"]) == 2
    assert "bash" in capsys.readouterr().err
