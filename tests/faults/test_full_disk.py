"""A disk that fails at every single step of a write: afterwards there is the old content, the new, or nothing."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nasbench_harness.errors import HarnessError
from nasbench_harness.records import read_record, read_scores, write_record
from nasbench_harness.space import N_ARCHITECTURES
from nasbench_harness.system import files
from nasbench_harness.training.checkpoints import Checkpoints
from nasbench_harness.truth import TruthTable

Steps = Callable[[int, BaseException], None]


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


class Disk:
    """Counts opening, writing through, moving and removing, and fails at one of these steps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fails_at, self.error, self.steps = -1, BaseException(), 0
        for module, name in ((files, "open"), (os, "replace"), (os, "fsync"), (os, "unlink")):
            real = open if name == "open" else getattr(module, name)
            monkeypatch.setattr(module, name, self._step(real), raising=False)

    def _step(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **options: Any) -> Any:
            self.steps += 1
            if self.steps - 1 == self.fails_at:
                raise self.error
            return real(*arguments, **options)

        return step

    def failing(self, write: Callable[[], object], error: BaseException) -> Iterator[bool]:
        """``write`` again and again, failing at the first step, the second, ...; False once it went through."""
        for place in range(100):
            self.steps, self.fails_at, self.error = 0, place, error
            try:
                write()
            except (HarnessError, Killed):
                self.fails_at = -1
                yield True
            else:
                went_through = self.steps <= place
                self.fails_at = -1
                yield False
                if went_through:
                    return
        raise AssertionError("it never went through")


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


ERRORS = [OSError(code, os.strerror(code)) for code in (errno.ENOSPC, errno.EROFS, errno.EIO, errno.EACCES)]


@pytest.mark.parametrize("error", [*ERRORS, Killed()], ids=repr)
def test_a_record_and_its_scores_belong_together(disk: Disk, fake: Any, tmp_path: Path, error: BaseException) -> None:
    records = [fake.make_record("one-shot", 0, created=f"2026-01-0{day}T00:00:00+00:00") for day in (1, 2)]
    tables = [fake.make_scores(record, str(number)) for number, record in enumerate(records)]
    write_record(tmp_path, records[0], tables[0])
    failures = 0
    for failed in disk.failing(lambda: write_record(tmp_path, records[1], tables[1]), error):
        failures += failed
        found = read_record(tmp_path, "one-shot", 0)
        if found is not None:
            which = [record.created for record in records].index(found.created)
            scores = read_scores(tmp_path / "one-shot" / "seed-0").scores["accuracy"]
            np.testing.assert_array_equal(scores, tables[which].scores["accuracy"])
            assert found.created == records[1].created or failed
        write_record(tmp_path, records[0], tables[0])  # the disk works again: so does the folder
        assert read_record(tmp_path, "one-shot", 0) == records[0]
    assert failures >= 5
    assert sorted(path.name for path in (tmp_path / "one-shot" / "seed-0").iterdir()) == [
        "record.json",
        "scores.parquet",
    ]


@pytest.mark.parametrize("error", [*ERRORS[:2], Killed()], ids=repr)
def test_a_checkpoint_is_the_old_one_or_the_new_one(disk: Disk, tmp_path: Path, error: BaseException) -> None:
    import torch

    kept = Checkpoints(tmp_path / "work", "unit")
    kept.save("stage", {"x": torch.zeros(50)}, {"step": 0})
    for _ in disk.failing(lambda: kept.save("stage", {"x": torch.ones(50)}, {"step": 1}), error):
        saved = kept.load("stage")
        assert saved is not None
        assert saved.tensors["x"].tolist() == [float(saved.values["step"])] * 50
        kept.save("stage", {"x": torch.zeros(50)}, {"step": 0})
    assert len(list((tmp_path / "work").iterdir())) == 1


@pytest.mark.parametrize("error", [*ERRORS[:2], Killed()], ids=repr)
def test_a_table_is_the_old_one_or_the_new_one(disk: Disk, tmp_path: Path, error: BaseException) -> None:
    values = np.full(N_ARCHITECTURES, 50.0)
    old, new = (TruthTable("t", {"a": values + change}, None, {}) for change in (0, 1))
    old.save(tmp_path / "t.npz")
    for _ in disk.failing(lambda: new.save(tmp_path / "t.npz"), error):
        assert TruthTable.open(tmp_path / "t.npz").sha256 in (old.sha256, new.sha256)
        old.save(tmp_path / "t.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["t.npz"]
