"""The verb ls."""

from __future__ import annotations

import json

import pytest

from nasbench_harness.cli import main


def test_ls_knows_every_family(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ls", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"quickstart", "cifar10-fast"} <= set(found["presets"])
    assert {"none", "random", "single-edge", "efs-group", "efs-accum"} <= set(found["partitioners"])
    assert {"uniform", "balanced"} <= set(found["samplers"])
    assert {"one-shot", "few-shot"} <= set(found["strategies"])
    for family, members in found.items():
        keys = {"summary", "source", "status"} | ({"settings"} if family == "methods" else set())
        assert all(set(member) == keys for member in members.values())
    assert all(member["summary"] for family in found.values() for member in family.values())
