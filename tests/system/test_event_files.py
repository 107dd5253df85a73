"""Event files, read back by TensorBoard."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nasbench_harness.errors import UsageError
from nasbench_harness.system.event_files import EventFiles, check_tensorboard
from nasbench_harness.system.progress import Silent


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(UsageError, match=r"pip install 'nasbench-harness\[tensorboard\]'"):
        check_tensorboard()


@pytest.mark.slow  # it imports much
def test_what_is_told_comes_back_at_the_updates_of_the_unit(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = EventFiles(Silent(), tmp_path / "few" / "seed-0")
    events.tell({"planned": 2000.0})
    for phase in ("parent", "leaf 1"):
        events.start(phase, 1000, "updates")
        events.advance(0)
        for loss in (2.5, 1.5):
            events.advance(500)
            events.tell({"loss": loss, "learning_rate": loss / 10})
    events.tell({"kendall_tau": 0.5, "fraction": 0.25})
    events.start("scoring", 9444, "cells")
    events.advance(9444)
    events.finish({"accuracy": {"kendall_tau": 0.75, "best_rank_at": {"10": 3}, "n": 9, "intervals": {}}})
    events.close()
    found = accumulator.EventAccumulator(str(tmp_path / "few" / "seed-0"))
    found.Reload()
    series = {tag: [(e.step, round(e.value, 6)) for e in found.Scalars(tag)] for tag in found.Tags()["scalars"]}
    series.pop("training/updates_per_second", None)  # by the clock
    assert series == {
        "training/loss": [(500, 2.5), (1000, 1.5), (1500, 2.5), (2000, 1.5)],
        "training/learning_rate": [(500, 0.25), (1000, 0.15), (1500, 0.25), (2000, 0.15)],
        "training/kendall_tau": [(500, 0.5)],
        "accuracy/kendall_tau": [(2000, 0.75)],
        "accuracy/n": [(2000, 9.0)],
    }


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="choose another folder for --tensorboard"):
        EventFiles(Silent(), tmp_path / "file" / "seed-0")
