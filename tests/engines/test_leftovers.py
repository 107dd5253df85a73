"""Leftovers of runs that were killed just after they stored a record."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from nasbench_harness.engines.leftovers import tidy
from nasbench_harness.records.store import CHECKPOINTS, CLAIM_FILE
from nasbench_harness.system.claims import Claims
from nasbench_harness.system.owners import Owner

ELSEWHERE = replace(Owner.me(), place="gpu7 and its start", token="elsewhere")
DEAD = replace(Owner.me(), started="1", token="dead")


@pytest.fixture
def claims() -> Iterator[Claims]:
    with Claims(beat=None) as made:
        yield made


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    (tmp_path / CHECKPOINTS).mkdir()
    for name, second in (("record.json", 2), ("scores.parquet", 1), (f"{CHECKPOINTS}/stage.safetensors", 1)):
        (tmp_path / name).write_text("{}")
        os.utime(tmp_path / name, (second, second))
    return tmp_path


def left(unit: Path) -> set[str]:
    return {str(path.relative_to(unit)) for path in unit.rglob("*") if path.is_file()} - {"scores.parquet"}


def test_what_the_dead_left_beside_a_record_goes(unit: Path, claims: Claims) -> None:
    (unit / CLAIM_FILE).write_text(json.dumps(DEAD.to_json()))
    (unit / ".dead.ending").write_text(json.dumps(replace(DEAD, token="taker").to_json()))
    tidy(unit, claims)
    assert left(unit) == {"record.json"}
    assert not (unit / CHECKPOINTS).exists()


def test_checkpoints_that_are_newer_than_the_record_stay(unit: Path, claims: Claims) -> None:
    os.utime(unit / CHECKPOINTS / "stage.safetensors", (3, 3))
    tidy(unit, claims)
    assert left(unit) == {"record.json", f"{CHECKPOINTS}/stage.safetensors"}


def test_nothing_is_touched_where_a_living_run_has_the_unit(unit: Path, claims: Claims) -> None:
    (unit / CLAIM_FILE).write_text(json.dumps(ELSEWHERE.to_json()))
    before = left(unit)
    tidy(unit, claims)
    assert left(unit) == before


def test_a_whole_unit_is_not_even_claimed(unit: Path, claims: Claims, monkeypatch: pytest.MonkeyPatch) -> None:
    (unit / CHECKPOINTS / "stage.safetensors").unlink()
    (unit / CHECKPOINTS).rmdir()
    monkeypatch.setattr(claims, "claim", None)
    tidy(unit, claims)
