"""Digests of a stored unit: what changed is noticed where it is read; older records stay valid and can be protected."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from nasbench_harness.errors import DataError
from nasbench_harness.records import read_record, read_run, read_scores, unit_dir, write_record
from nasbench_harness.records.store import protect, read_changed


@pytest.fixture
def unit(fake: Any, tmp_path: Path) -> Path:
    record = fake.make_record("one-shot", 0)
    return write_record(tmp_path / "run", record, fake.make_scores(record))


def value_of(unit: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((unit / "record.json").read_text())
    return value


def store(unit: Path, value: dict[str, Any], **form: Any) -> None:
    (unit / "record.json").write_text(json.dumps(value, **form))


def test_the_digests_are_what_they_say(unit: Path) -> None:
    value = value_of(unit)
    digests = value["digests"]
    assert digests["scores"] == hashlib.sha256((unit / "scores.parquet").read_bytes()).hexdigest()
    value["digests"] = {"scores": digests["scores"]}
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    assert digests["record"] == hashlib.sha256(canonical).hexdigest()
    assert read_run(unit.parents[1]).records[0].digests == digests


def test_another_layout_of_the_same_record_is_no_damage(unit: Path) -> None:
    before = read_record(unit.parents[1], "one-shot", 0)
    (unit / "record.json").write_text(json.dumps(value_of(unit), indent=7, sort_keys=True).replace("\n", "\r\n"))
    assert read_record(unit.parents[1], "one-shot", 0) == before


@pytest.mark.parametrize("place", ["created", "cost", "training", "environment", "experiment"])
def test_a_changed_field_is_refused_even_where_no_number_follows_from_the_scores(unit: Path, place: str) -> None:
    value = value_of(unit)
    value[place] = "2020-01-01T00:00:00+00:00" if place == "created" else value[place] | {"training_seconds": 1.0}
    store(unit, value)
    with pytest.raises(DataError, match=r"record\.json: its content is not what was written .* run the unit again"):
        read_record(unit.parents[1], "one-shot", 0)
    changed = read_changed(unit)
    assert changed is not None
    assert changed.strategy == "one-shot"


@pytest.mark.parametrize("digests", [{}, {"scores": "0" * 64}, {"record": 1, "scores": 2}, "none", None, [1, 2]])
def test_digests_that_are_none_are_refused_unless_there_are_none(unit: Path, digests: Any) -> None:
    store(unit, value_of(unit) | {"digests": digests})
    if digests == {}:
        assert read_record(unit.parents[1], "one-shot", 0) is not None
        return
    with pytest.raises(DataError, match="digest"):
        read_record(unit.parents[1], "one-shot", 0)


def test_scores_of_another_unit_are_refused(fake: Any, unit: Path) -> None:
    other = fake.make_record("one-shot", 1)
    path = write_record(unit.parents[1], other, fake.make_scores(other)) / "scores.parquet"
    (unit / "scores.parquet").write_bytes(path.read_bytes())
    with pytest.raises(DataError, match=r"scores\.parquet: its bytes are not those .* run the unit again"):
        read_scores(unit)


def test_an_older_record_is_valid_and_protect_adds_digests_and_nothing_else(unit: Path) -> None:
    path = unit / "record.json"
    whole = path.read_bytes()
    value = value_of(unit)
    del value["digests"]
    path.write_text(json.dumps(value, indent=1) + "\n")
    old = read_record(unit.parents[1], "one-shot", 0)
    assert old is not None
    assert not old.digests
    assert protect(unit)
    assert path.read_bytes() == whole
    assert not protect(unit)
    assert read_record(unit.parents[1], "one-shot", 0) == old


def test_a_run_is_read_without_its_damaged_units_where_that_is_asked_for(fake: Any, unit: Path) -> None:
    folder = unit.parents[1]
    record = fake.make_record("other", 0)
    write_record(folder, record, fake.make_scores(record))
    (unit / "record.json").write_text("{")
    with pytest.raises(DataError, match="not valid JSON"):
        read_run(folder)
    run = read_run(folder, whole=False)
    assert [one.strategy for one in run.records] == ["other"]
    assert len(run.unreadable) == 1
    assert str(unit) in run.unreadable[0]
    (unit_dir(folder, "other", 0) / "record.json").write_text("{")
    with pytest.raises(DataError, match="none of its 2 records can be read"):
        read_run(folder, whole=False)
