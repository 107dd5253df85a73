"""What a process of Ray does for a task, without Ray: the command line of a person, in the folder of the command."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from nasbench_harness.engines import ray_task
from nasbench_harness.engines.placed import digest_of
from nasbench_harness.engines.ray_task import PLACE, Setting, command

FILES = {"cifar-10-batches-bin/data_batch_1.bin": b"1"}


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["default_worker.py"])
    monkeypatch.setenv("NASBENCH_HARNESS_KERNELS", "1")
    monkeypatch.setenv("NASBENCH_HARNESS_DATA", str(tmp_path / "cache"))


def nothing(stored: Any) -> Any:
    raise AssertionError(f"{stored} was fetched")


def test_the_command_runs_as_if_it_had_been_typed_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there").mkdir()
    monkeypatch.chdir("/")
    code = command(Setting(tmp_path / "there", {"NASBENCH_HARNESS_KERNELS": "0"}), ("ls", "presets"), nothing)
    assert code == 0
    assert capsys.readouterr().out == "", "the result of the whole is what goes to stdout, not that of a task"
    assert Path.cwd() == tmp_path / "there"
    assert os.environ["NASBENCH_HARNESS_KERNELS"] == "0"
    assert sys.argv[1:] == ["ls", "presets"], "records tell it"


def test_errors_are_lines_with_the_exit_code_of_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(Setting(tmp_path, {}), ("run", "no-such-preset"), nothing) == 2
    assert "no-such-preset" in capsys.readouterr().err


def test_a_node_that_does_not_see_the_folder_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(Setting(tmp_path / "elsewhere", {}), ("ls", "presets"), nothing) == 2
    said = capsys.readouterr().err
    assert "elsewhere: No such file or directory; all nodes of the cluster need the folder" in said


def test_images_are_laid_once_and_named_to_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[str] = []

    def get(stored: str) -> dict[str, bytes]:
        fetched.append(stored)
        return FILES

    monkeypatch.setattr(ray_task, "_main", lambda: lambda arguments: 0)
    for _ in range(2):
        setting = Setting(tmp_path, {}, digest_of(FILES), ["reference"])
        assert command(setting, ("run", "study.toml", "--images=/theirs"), get) == 0
    folder = tmp_path / "cache" / PLACE / digest_of(FILES)[:32]
    assert sys.argv == ["nasbench-harness", "run", "study.toml", f"--images={folder}"]
    assert (folder / "cifar-10-batches-bin" / "data_batch_1.bin").read_bytes() == b"1"
    assert fetched == ["reference"]


def test_a_node_without_the_command_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_task, "entry_points", lambda **of: [])
    assert command(Setting(tmp_path, {}), ("ls", "presets"), nothing) == 2
    assert "nasbench-harness is not installed here" in capsys.readouterr().err
