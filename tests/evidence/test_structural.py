"""Faults that records show by themselves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from nasbench_harness.evidence import Pair, Verdict, read_side, structural
from nasbench_harness.records import read_record, read_scores, write_record


def said(folder: Path) -> Verdict | str:
    [sample] = read_side(folder, "kendall_tau", None).samples
    return structural(Pair(sample, sample))


def change(folder: Path, seed: int, **changes: Any) -> None:
    record = read_record(folder, "s", seed)
    assert record is not None
    write_record(folder, replace(record, **changes), read_scores(folder / f"s/seed-{seed}"))


@pytest.fixture
def folder(fake: ModuleType, tmp_path: Path) -> Path:
    written: Path = fake.write_run(tmp_path / "run", {"s": [0.5, 0.6, 0.7]})
    return written


def test_sound_records_pass(folder: Path) -> None:
    assert said(folder) == ""


def test_a_budget_that_was_overspent(folder: Path) -> None:
    record = read_record(folder, "s", 1)
    assert record is not None
    change(folder, 1, cost={**record.cost, "architecture_updates": {"planned": 1000, "used": 1060}})
    found = said(folder)
    assert isinstance(found, Verdict)
    assert (found.word, found.tier) == ("worse", "structural")
    assert found.reason == "seed 1: spent 1,060 architecture-updates of 1,000"


def test_leaves_that_do_not_cover_the_space(folder: Path) -> None:
    record = read_record(folder, "s", 2)
    assert record is not None
    change(folder, 2, leaves=record.leaves[:1])
    found = said(folder)
    assert isinstance(found, Verdict)
    assert "seed 2: its leaves hold 7,812 architectures" in found.reason


def test_a_seed_that_changes_nothing(folder: Path) -> None:
    record = read_record(folder, "s", 2)
    assert record is not None
    write_record(folder, record, read_scores(folder / "s/seed-0"))
    found = said(folder)
    assert isinstance(found, Verdict)
    assert found.reason == "seeds 0 and 2 have the same scores to the last bit: the seed is ignored"
