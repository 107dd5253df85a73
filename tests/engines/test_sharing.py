"""Real runs of one experiment in one folder, as processes: no unit trains twice, none is lost with a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from nasbench_harness.records import stored_units
from tests import tiny

pytestmark = pytest.mark.slow
SETTINGS = tiny.UNTRAINED
PLUGIN = (
    tiny.BY_FLOPS
    + '''
@strategies.register("noted")
@dataclass(frozen=True)
class Noted(Strategy):
    """Notes that it begins, and takes a while."""

    log: str = ""

    def train(self, context: Context) -> Scorer:
        with open(self.log, "a") as stream:
            stream.write(f"{context.seed_axes[1]}\\n")
        time.sleep(0.5)
        return ByFlops.of(context)
'''
)


def begin(folder: Path, *more: str) -> subprocess.Popen[str]:
    """A run of six units that takes three seconds of waiting alone."""
    (folder / "noted.py").write_text(PLUGIN)
    part = f'[strategies.noted]\nkind = "noted"\nlog = "{folder / "log"}"\n'
    (folder / "tiny.toml").write_text('seeds = [0, 1, 2, 3, 4, 5]\nplugins = ["noted.py"]\n' + SETTINGS + part)
    command = ["-m", "nasbench_harness", "run", str(folder / "tiny.toml"), "--out", str(folder / "out"), *more]
    return subprocess.Popen([sys.executable, *command], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def begun(folder: Path) -> list[str]:
    log = folder / "log"
    return log.read_text().split() if log.exists() else []


def wait_for(folder: Path, units: int, run: subprocess.Popen[str]) -> None:
    while len(begun(folder)) < units and run.poll() is None:
        time.sleep(0.05)


def test_two_runs_share_the_units_and_another_protocol_is_refused(tmp_path: Path) -> None:
    runs = [begin(tmp_path), begin(tmp_path, "--workers", "2")]
    wait_for(tmp_path, 1, runs[0])
    other = begin(tmp_path, "training.learning_rate=0.01")
    said = other.communicate(timeout=120)[1]
    assert other.returncode == 2, said
    assert "training.learning_rate: 0.05 there, 0.01 asked" in said
    for run in runs:
        said = run.communicate(timeout=120)[1]
        assert run.returncode == 0, said
    assert Counter(begun(tmp_path)) == dict.fromkeys("012345", 1)
    assert len(stored_units(tmp_path / "out")) == 6
    assert not list(tmp_path.rglob("claim.json")) + list(tmp_path.rglob(".run-*")) + list(tmp_path.rglob("*.part"))


def test_what_a_killed_run_had_is_taken_over_at_once(tmp_path: Path) -> None:
    killed, other = begin(tmp_path), begin(tmp_path)
    wait_for(tmp_path, 2, other)
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    said = other.communicate(timeout=120)[1]
    assert other.returncode == 0, said
    times = Counter(begun(tmp_path))
    assert set(times) == set("012345")
    assert times.total() <= 7, "the unit that was under way is done again, no other"
    assert len(stored_units(tmp_path / "out")) == 6
