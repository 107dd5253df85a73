"""Files are written whole or not at all, and failures are one line for the user."""

from __future__ import annotations

import errno
import io
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nasbench_harness.errors import HarnessError, RunError, UsageError
from nasbench_harness.system import files
from nasbench_harness.system.files import write_atomically, write_json, write_text

Write = Callable[[Any], object]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "record.json"
    path.write_text("old")
    return path


def full(*_: Any, **__: Any) -> Any:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_content_replaces_what_stood_there(old: Path) -> None:
    write_atomically(old, lambda stream: stream.write(b"new"))
    assert old.read_bytes() == b"new"
    assert list(old.parent.iterdir()) == [old]


def test_folders_are_made(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b" / "text.txt", "é\n")
    assert (tmp_path / "a" / "b" / "text.txt").read_bytes() == "é\n".encode()


def test_json_ends_in_a_newline_and_refuses_what_is_not_json(old: Path) -> None:
    write_json(old, {"a": [1, None]})
    assert json.loads(old.read_text()) == {"a": [1, None]}
    assert old.read_text().endswith("}\n")
    content = old.read_bytes()
    for value in (float("nan"), float("inf"), {"a": object()}):
        with pytest.raises((ValueError, TypeError)):
            write_json(old, value)
    assert old.read_bytes() == content
    assert list(old.parent.iterdir()) == [old]


def test_readers_see_the_old_content_until_the_new_is_whole(old: Path) -> None:
    def write(stream: Any) -> None:
        stream.write(b"half")
        stream.flush()
        assert old.read_text() == "old"

    write_atomically(old, write)
    assert old.read_text() == "half"


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), RunError("diverged")])
def test_an_interrupted_write_leaves_the_old_content_and_no_rest(old: Path, error: BaseException) -> None:
    def write(stream: Any) -> None:
        stream.write(b"half")
        raise error

    with pytest.raises(type(error)):
        write_atomically(old, write)
    assert old.read_text() == "old"
    assert list(old.parent.iterdir()) == [old]


@pytest.mark.parametrize("call", ["write", "fsync", "replace", "open"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_a_run_error(old: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError(number, "full")

    write: Write = lambda stream: stream.write(b"new")  # noqa: E731 - replaced below
    if call == "write":
        write = refuse
    elif call == "open":
        monkeypatch.setattr(files, "open", refuse, raising=False)
    else:
        monkeypatch.setattr(files.os, call, refuse)
    with pytest.raises(RunError, match="no disk space left to write") as raised:
        write_atomically(old, write)
    monkeypatch.undo()
    assert str(old) in str(raised.value)
    assert "\n" not in str(raised.value)
    assert old.read_text() == "old"
    assert list(old.parent.iterdir()) == [old]


def test_a_disk_that_fills_up_on_closing_is_a_run_error(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Filling(io.FileIO):
        def write(self, data: Any) -> int:
            if self.tell() == 0:
                return super().write(bytes(data)[:3])
            return int(full())

    def filling(path: Path, _: str) -> io.BufferedWriter:
        return io.BufferedWriter(Filling(path, "wb"))

    monkeypatch.setattr(files, "open", filling, raising=False)
    with pytest.raises(RunError, match="no disk space"):
        write_atomically(old, lambda stream: stream.write(b"much more than three"))
    monkeypatch.undo()
    assert old.read_text() == "old"
    assert list(old.parent.iterdir()) == [old]


def test_a_place_that_cannot_be_written_is_a_usage_error(old: Path, tmp_path: Path) -> None:
    for path in (old / "below-a-file", old / "further" / "below", tmp_path):
        with pytest.raises(UsageError, match=r"cannot write .*; choose a folder that can be written") as raised:
            write_text(path, "x")
        assert "\n" not in str(raised.value)
    assert old.read_text() == "old"


def test_missing_permission_is_a_usage_error(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(files, "open", refuse, raising=False)
    with pytest.raises(UsageError, match="Permission denied"):
        write_text(old, "x")
    assert issubclass(UsageError, HarnessError)


def temporary_name(path: Path) -> str:
    seen: list[str] = []
    write_atomically(path, lambda stream: seen.append(stream.name))
    return Path(seen[0]).name


def test_machines_with_equal_process_ids_do_not_share_a_temporary_file(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files.os, "getpid", lambda: 7)
    names = set()
    for host in ("one", "two", "one"):  # a container may even share the name
        monkeypatch.setattr(files.socket, "gethostname", lambda host=host: host)
        names.add(temporary_name(old))
    assert len(names) == 3
    assert len({name.split(".7.")[0] for name in names}) == 2
    monkeypatch.setattr(files.socket, "gethostname", lambda: "a/b.c" * 99)
    assert "/" not in temporary_name(old)
    assert len(temporary_name(old)) < 255


def test_the_folder_is_synced_after_the_rename(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a crash of the machine may bring the old content back."""
    calls: list[str] = []
    replace, sync = os.replace, os.fsync

    def replaced(source: Any, target: Any) -> None:
        calls.append("rename")
        replace(source, target)

    def synced(descriptor: int) -> None:
        calls.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        sync(descriptor)

    monkeypatch.setattr(files.os, "replace", replaced)
    monkeypatch.setattr(files.os, "fsync", synced)
    write_text(old, "new")
    assert calls == ["file", "rename", "folder"]


def test_a_file_system_that_cannot_sync_folders_is_accepted(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sync = os.fsync

    def only_files(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        sync(descriptor)

    monkeypatch.setattr(files.os, "fsync", only_files)
    write_text(old, "new")
    assert old.read_text() == "new"
