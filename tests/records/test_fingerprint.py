"""Fingerprints of stored units: equal for equal bits, and the same after a way through JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

from nasbench_harness.errors import DataError
from nasbench_harness.records import Fingerprint, Record, ScoreTable

CURVE = {
    "stage": "supernet",
    "updates": [100, 200],
    "loss": [2.1, 1.9],
    "first_losses": [2.3, 2.2],
    "first_rates": [0.05, 0.04],
    "draws": "ab",
    "weights": ["start", "end"],
}
TRAINING = {
    "loss": [CURVE],
    "reference_scores": {"cells": [1, 2], "negative_loss": [-2.3, -2.4]},
    "reference": {"leaf_scores": [-2.2, -2.6], "moves": {"stem": 0.1}},
}


@pytest.fixture(scope="module")
def record(fake: ModuleType) -> Record:
    made: Record = fake.make_record(training=TRAINING)
    return made


@pytest.fixture(scope="module")
def table(fake: ModuleType, record: Record) -> ScoreTable:
    made: ScoreTable = fake.make_scores(record)
    return made


@pytest.fixture(scope="module")
def found(record: Record, table: ScoreTable) -> Fingerprint:
    return Fingerprint.of(record, table)


def test_it_holds_what_the_unit_has(found: Fingerprint, table: ScoreTable) -> None:
    [stage] = found.stages
    assert (stage.name, stage.updates, stage.draws, stage.first_losses) == ("supernet", 200, "ab", (2.3, 2.2))
    assert (stage.first_rates, stage.follows) == ((0.05, 0.04), "")
    assert found.reference_scores == (-2.3, -2.4)
    assert (found.leaf_scores, found.moves) == ((-2.2, -2.6), {"stem": 0.1})
    assert set(found.scores) == set(table.scores)


def test_one_bit_of_anything_changes_its_digest(record: Record, table: ScoreTable, found: Fingerprint) -> None:
    leaf = table.leaf.copy()
    leaf[3] = 1
    assert Fingerprint.of(record, replace(table, leaf=leaf)).leaves != found.leaves
    scores = {name: column.copy() for name, column in table.scores.items()}
    scores["accuracy"][5] = np.nextafter(scores["accuracy"][5], np.float32(9))
    other = Fingerprint.of(record, ScoreTable(table.index, table.leaf, scores))
    assert other.scores["accuracy"] != found.scores["accuracy"]
    assert other.scores["negative_loss"] == found.scores["negative_loss"]
    curve = replace(record, training={"loss": [{**CURVE, "loss": [2.1, float(np.nextafter(1.9, 2))]}]})
    assert Fingerprint.of(curve, table).stages[0].curve != found.stages[0].curve


def test_it_goes_through_json(found: Fingerprint) -> None:
    assert Fingerprint.from_json(json.loads(json.dumps(found.to_json())), "here") == found


def test_older_records_have_no_beginning(fake: ModuleType, table: ScoreTable) -> None:
    older = Fingerprint.of(fake.make_record(), table)
    assert older.reference_scores == ()
    assert older.stages[0].draws == ""
    assert (older.stages[0].first_rates, older.stages[0].follows) == (None, None)
    assert (older.leaf_scores, older.moves) == ((), {})


def test_a_stage_follows_the_one_whose_last_weights_it_found(record: Record, table: ScoreTable) -> None:
    curves = [
        {**CURVE, "stage": stage, "weights": weights}
        for stage, weights in (("parent", ["a", "b"]), ("leaf", ["b", "c"]), ("other leaf", ["b", "d"]), ("new", "xy"))
    ]
    found = Fingerprint.of(replace(record, training={"loss": curves}), table)
    assert [stage.follows for stage in found.stages] == ["", "parent", "parent", ""]
    untold = Fingerprint.of(replace(record, training={"loss": [{**curves[0], "weights": ["a", ""]}, curves[1]]}), table)
    assert [stage.follows for stage in untold.stages] == [None, None]


@pytest.mark.parametrize("value", [[], {}, {"leaves": "a", "scores": {}, "stages": [{"name": "x"}]}])
def test_anything_else_is_refused(value: object) -> None:
    with pytest.raises(DataError, match="here: not a fingerprint"):
        Fingerprint.from_json(value, "here")
