"""The script of continuous integration says what it does before it does it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / ".ci" / "run"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHON": "false"}  # an interpreter that fails: nothing may be built here
    return subprocess.run(
        ["bash", str(SCRIPT), *arguments], capture_output=True, text=True, check=False, env=environment
    )


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_starts_nothing(option: str) -> None:
    done = run(option)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: .ci/run")


def test_other_arguments_are_wrong_usage_and_none_starts_it() -> None:
    done = run("--fast")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == ".ci/run takes no arguments, found: --fast"
    assert run().returncode == 1
