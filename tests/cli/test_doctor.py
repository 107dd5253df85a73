"""The verb doctor: its result on stdout and what failed in the exit code."""

from __future__ import annotations

import json

import pytest

from nasbench_harness.cli import machine, main
from nasbench_harness.cli.machine import Check


@pytest.mark.parametrize(("status", "code"), [("ok", 0), ("warn", 0), ("fail", 3)])
def test_a_failed_check_is_an_exit_code_and_the_result_still_comes(
    status: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(machine, "examine", lambda: [Check("python", "ok", "3"), Check("disk", status, "x", "buy")])
    assert main(["doctor", "--json"]) == code
    captured = capsys.readouterr()
    assert [check["status"] for check in json.loads(captured.out)] == ["ok", status]
    assert ("1 checks failed (disk)" in captured.err) == (code == 3)
