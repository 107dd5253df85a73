"""The file that says that a unit lives: what it tells, and that nothing about it stops the work."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from nasbench_harness.errors import RunError, StoppedEarlyError
from nasbench_harness.system import heartbeat as module
from nasbench_harness.system.heartbeat import HEARTBEAT_FILE, heartbeat
from nasbench_harness.system.progress import Silent

FACTS = {"strategy": "few", "seed": 3}


class Heard(Silent):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def start(self, phase: str, total: float, unit: str) -> None:
        self.calls.append((phase, total, unit))

    def advance(self, amount: float) -> None:
        self.calls.append(amount)

    def tell(self, values: Any) -> None:
        self.calls.append(dict(values))


def read(folder: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((folder / HEARTBEAT_FILE).read_text())
    return value


def test_it_tells_who_works_on_what_and_how_far_it_is(tmp_path: Path) -> None:
    with heartbeat(Silent(), tmp_path / "unit" / "checkpoints", FACTS) as beat:
        beat.tell({"planned": 1000.0})
        beat.start("parent", 800, "updates")
        beat.advance(200)
        beat.tell({"loss": 2.25})
        beat.write()
        told = read(tmp_path / "unit" / "checkpoints")
    assert told.items() >= {**FACTS, "state": "running", "stage": "parent", "share": 0.25, "trained": 0.2}.items()
    assert told.items() >= {"unit": "updates", "loss": 2.25, "pid": os.getpid(), "planned": 1000.0}.items()
    assert [path.name for path in (tmp_path / "unit" / "checkpoints").iterdir()] == [HEARTBEAT_FILE]


def test_it_is_there_before_the_work_and_beats_while_the_work_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SECONDS_BETWEEN_BEATS", 0.01)
    with heartbeat(Silent(), tmp_path, FACTS) as beat:
        assert read(tmp_path)["stage"] == ""
        beat.start("parent", 800, "updates")
        until = time.monotonic() + 5
        while read(tmp_path)["stage"] != "parent" and time.monotonic() < until:
            time.sleep(0.005)
        assert read(tmp_path)["stage"] == "parent"


def test_all_goes_on_to_the_progress_that_is_drawn(tmp_path: Path) -> None:
    heard = Heard()
    with heartbeat(heard, tmp_path, FACTS) as beat:
        beat.start("parent", 800, "updates")
        beat.advance(200)
        beat.tell({"loss": 2.25})
    assert heard.calls == [("parent", 800, "updates"), 200, {"loss": 2.25}]
    with heartbeat(Silent(), tmp_path, FACTS) as beat:
        beat.tell({"loss": 2.25})  # to one that takes no values


@pytest.mark.parametrize(
    ("error", "state", "text"),
    [
        (RunError("stage 'parent' diverged"), "failed", "stage 'parent' diverged"),
        (StoppedEarlyError("tau is .1,\nbelow .2"), "stopped", "tau is .1, below .2"),
        (KeyboardInterrupt(), "stopped", ""),
        (ValueError(), "failed", "ValueError"),
    ],
)
def test_its_last_word_is_why_the_unit_ended(tmp_path: Path, error: BaseException, state: str, text: str) -> None:
    with pytest.raises(type(error)), heartbeat(Silent(), tmp_path, FACTS):
        raise error
    assert (read(tmp_path)["state"], read(tmp_path)["error"]) == (state, text)


def test_a_folder_that_is_removed_is_not_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    with heartbeat(Silent(), folder, FACTS) as beat:
        shutil.rmtree(folder)
        beat.write()
        beat.advance(1)
    assert not folder.exists()


def test_a_full_disk_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with heartbeat(Silent(), tmp_path, FACTS) as beat:
        monkeypatch.setattr(module.os, "replace", full)
        before = read(tmp_path)
        beat.start("parent", 800, "updates")
        beat.write()
        assert read(tmp_path) == before
        assert len(list(tmp_path.iterdir())) == 1
    blocked = tmp_path / "a file"
    blocked.write_text("")
    with heartbeat(Silent(), blocked / "checkpoints", FACTS) as beat:
        beat.advance(1)
