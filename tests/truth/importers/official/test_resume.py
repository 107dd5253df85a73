"""An interrupted import of a directory resumes where it stopped."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from nasbench_harness.errors import DataError
from nasbench_harness.truth import TruthTable, import_table
from nasbench_harness.truth.importers import import_to
from nasbench_harness.truth.importers.official import directory as official_directory

PARTS = ".table.npz.parts"


@pytest.fixture
def source(archives: Any, thin_entries: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(official_directory, "PART", 1)
    path: Path = archives.directory(thin_entries)
    return path


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the entries that were read."""
    names: list[str] = []
    before = official_directory._read_entry

    def read(file: Path, trust: bool) -> Any:
        names.append(file.name[:6])
        return before(file, trust)

    monkeypatch.setattr(official_directory, "_read_entry", read)
    return names


def stop_after(n: int) -> Any:
    def report(done: int, total: int) -> None:
        assert total == 3
        if done == n:
            raise KeyboardInterrupt

    return report


def test_finished_parts_are_not_read_again(source: Path, reads: list[str], tmp_path: Path) -> None:
    target = tmp_path / "table.npz"
    with pytest.raises(KeyboardInterrupt):
        import_to(source, target, partial=True, progress=stop_after(2))
    assert not target.exists()
    assert len(list((tmp_path / PARTS).iterdir())) == 1  # the second was not finished when the import was stopped
    told: list[int] = []
    table = import_to(source, target, partial=True, progress=lambda done, total: told.append(done))
    assert reads == ["000000", "000007", "000007", "015624"]
    assert told == [1, 2, 3]
    assert not (tmp_path / PARTS).exists()
    assert table.sha256 == TruthTable.open(target).sha256 == import_table(source, partial=True).sha256


def test_changed_and_damaged_parts_count_for_nothing(source: Path, reads: list[str], tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    whole = import_table(source, partial=True, cache=cache)
    assert import_table(source, partial=True, cache=cache).sha256 == whole.sha256
    assert len(reads) == 3
    os.utime(source / "000007.pickle.pbz2", ns=(1, 1))
    import_table(source, partial=True, cache=cache)
    assert reads[3:] == ["000007"]
    for path in cache.iterdir():
        path.write_bytes(path.read_bytes()[:-30])
    assert import_table(source, partial=True, cache=cache).sha256 == whole.sha256
    assert len(reads) == 7


def test_after_a_fault_the_good_parts_stay_for_the_next_attempt(source: Path, reads: list[str], tmp_path: Path) -> None:
    target, file = tmp_path / "table.npz", source / "015624.pickle.pbz2"
    good = file.read_bytes()
    file.write_bytes(good[:1000])
    with pytest.raises(DataError, match="015624"):
        import_to(source, target, partial=True)
    assert not target.exists()
    file.write_bytes(good)
    import_to(source, target, partial=True)
    assert reads == ["000000", "000007", "015624", "015624"]


def test_single_files_tell_their_progress_too(archives: Any, thin_entries: Any) -> None:
    told: list[tuple[int, int]] = []
    import_table(archives.single(thin_entries), partial=True, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 15625), (2, 15625), (3, 15625)]
