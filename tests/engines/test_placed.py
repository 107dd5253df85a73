"""Files that go to each machine once: they arrive whole, under a name of their bytes, and are fetched when missing."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nasbench_harness.engines.placed import Files, digest_of, packed, placed
from nasbench_harness.errors import HarnessError, RunError, UsageError

FILES = {"batches/one": b"1" * 1000, "batches/two": b""}


class Store:
    """Gives the files, slowly, and counts how often."""

    def __init__(self, files: Files = FILES) -> None:
        self.files, self.asked = files, 0

    def __call__(self) -> Files:
        self.asked += 1
        time.sleep(0.05)
        return self.files


def test_what_was_packed_is_laid_and_only_the_named_folders_are(tmp_path: Path) -> None:
    for name, content in (FILES | {"notes": b"x", "batches/deeper/three": b"3"}).items():
        path = tmp_path / "here" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    files = packed(tmp_path / "here", ("batches", "elsewhere"))
    assert files == FILES
    folder = placed(tmp_path / "there", digest_of(files), Store(files))
    assert packed(folder, ("batches",)) == FILES
    assert [path.name for path in (tmp_path / "there").iterdir()] == [folder.name], "nothing is left beside it"


@pytest.mark.parametrize(
    "other", [{"batches/one": b"1" * 1000}, {"batches/one": b"", "batches/two": b"1" * 1000}, {**FILES, "b": b""}]
)
def test_other_files_have_another_digest(other: dict[str, bytes]) -> None:
    assert digest_of(other) != digest_of(FILES)
    assert digest_of(dict(reversed(FILES.items()))) == digest_of(FILES), "the order is none of the content"


def test_of_several_that_need_them_one_fetches(tmp_path: Path) -> None:
    store, digest = Store(), digest_of(FILES)
    with ThreadPoolExecutor(3) as pool:
        folders = {*pool.map(lambda _: placed(tmp_path, digest, store), range(3))}
    assert len(folders) == 1
    assert placed(tmp_path, digest, store) in folders
    assert store.asked == 1


def test_what_another_left_half_laid_is_no_hindrance(tmp_path: Path) -> None:
    digest = digest_of(FILES)
    left = tmp_path / f".{digest[:32]}.host.1.0123456789ab.part"
    (left / "batches").mkdir(parents=True)
    assert packed(placed(tmp_path, digest, Store()), ("batches",)) == FILES
    assert not left.exists()


def test_other_bytes_than_were_sent_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="other bytes came"):
        placed(tmp_path, digest_of(FILES), Store({"batches/one": b"2" * 1000, "batches/two": b""}))
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HarnessError, match="file"):
        placed(tmp_path / "file", digest_of(FILES), Store())
    (tmp_path / "batches").mkdir()
    (tmp_path / "batches" / "loop").symlink_to("loop")
    assert packed(tmp_path, ("batches",)) == {}


def test_files_that_cannot_be_read_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "batches").mkdir()
    (tmp_path / "batches" / "one").write_bytes(b"1")

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(UsageError, match="one: Permission denied"):
        packed(tmp_path, ("batches",))
