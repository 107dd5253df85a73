"""A few runs that are killed, or cannot go on, and are run again; ``tox -e faults`` does hundreds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nasbench_harness.strategies import strategies
from tests.faults import kinds


def test_every_strategy_kind_is_tried() -> None:
    named = {settings.split('"')[1] for settings in kinds.KINDS.values()}
    assert named == {name for name in strategies if not strategies.origin(name)}


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are adopted and limited as Linux does it")


def lines_of(module: str, *arguments: str) -> list[dict[str, Any]]:
    """The JSON lines of a script of this folder, which ended well."""
    place = next(one for one in sys.path if (Path(one) / "tests" / "faults").is_dir())
    environment = {**os.environ, "PYTHONPATH": place, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", f"tests.faults.{module}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_runs_that_are_killed_end_as_if_nothing_had_been() -> None:
    [total] = lines_of("kills", "4", "--seconds", "5", "--share", "0.3", "--seed", "7")
    assert total["trials"] >= 1
    assert total["lost"] == total["doubled"] == total["differ"] == 0


@pytest.mark.slow
def test_runs_that_cannot_go_on_say_why_and_finish_once_they_can() -> None:
    names = ["NaN one-shot", "without memory", "read-only", "read-only after 60 changes"]
    assert lines_of("conditions", *names) == [{name: []} for name in names]
