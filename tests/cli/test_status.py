"""The verb ``status``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nasbench_harness.cli import main

EXPERIMENT = {"name": "made", "strategies": {"a": {}}, "seeds": [0, 1]}


def test_a_run_that_has_begun(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "experiment.json").write_text(json.dumps(EXPERIMENT))
    assert main(["status", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("made: 0 of 2 units finished, 2 waiting; no estimate yet\n")
    assert main(["status", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["waiting"] == 2
    assert main(["status", str(tmp_path), "--watch"]) == 0  # nothing runs: there is nothing to wait for
    assert "made: 0 of 2 units" in capsys.readouterr().out


def test_to_stop_looking_is_no_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(seconds: float) -> None:
        raise KeyboardInterrupt

    (tmp_path / "experiment.json").write_text(json.dumps(EXPERIMENT))
    work = tmp_path / "a" / "seed-0" / "checkpoints"
    work.mkdir(parents=True)
    (work / "progress.json").write_text('{"state": "running", "stage": "parent", "share": 0.5}')
    monkeypatch.setattr("nasbench_harness.cli.status.time.sleep", stop)
    assert main(["status", str(tmp_path), "--watch"]) == 0
    found = capsys.readouterr()
    assert "1 running, 1 waiting" in found.out
    assert found.err == ""


def test_folders_without_a_run_and_options_that_do_not_go_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", str(tmp_path / "none")]) == 3
    assert main(["status", str(tmp_path)]) == 3
    assert main(["status", str(tmp_path), "--watch", "--json"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert "no such run folder" in lines[0]
    assert "no run has begun in it" in lines[1]
