"""Records: there and back, and every fault named."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from nasbench_harness.errors import DataError
from nasbench_harness.records import SCHEMA, Record
from nasbench_harness.records.schema import lookup, lookup_interval


@pytest.fixture(scope="module")
def value(fake):
    return json.loads(json.dumps(fake.make_record().to_json()))


def test_a_record_survives_json(fake):
    record = fake.make_record("efs-group", 3)
    assert Record.from_json(json.loads(json.dumps(record.to_json()))) == record


def test_what_nothing_reads_any_more_is_passed_over(value):
    """Records of earlier versions hold counts for a drawing, which is made from scores today."""
    assert Record.from_json(value | {"rank_density": {"accuracy": {"count": [1]}}}) == Record.from_json(value)
    assert "rank_density" not in value


def test_the_schema_version_comes_first(value):
    assert next(iter(value)) == "schema"
    assert value["schema"] == SCHEMA


@pytest.mark.parametrize("found", [SCHEMA + 1, SCHEMA - 1, None, "1", 0])
def test_another_schema_version_is_refused(value, found):
    with pytest.raises(DataError, match=f"here: expected record schema {SCHEMA}, found"):
        Record.from_json(value | {"schema": found}, "here")


@pytest.mark.parametrize("name", ["identity", "metrics", "truth", "created", "leaves"])
def test_a_missing_field_is_named(value, name):
    with pytest.raises(DataError, match=f"the field '{name}' is missing"):
        Record.from_json({key: item for key, item in value.items() if key != name})


@pytest.mark.parametrize(
    ("group", "key", "field"),
    [
        ("metrics", "accuracy", "kendall_tau"),
        ("references", "flops", "spearman"),
        ("top_k_curve", "accuracy", "k"),
        ("cost", "architecture_updates", "used"),
    ],
)
def test_a_missing_inner_field_is_named_with_its_place(value, group, key, field):
    inner = {name: item for name, item in value[group][key].items() if name != field}
    with pytest.raises(DataError, match=rf"{group}.{key}: the field '{field}' is missing"):
        Record.from_json(value | {group: value[group] | {key: inner}})


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_nan_is_refused_with_its_place_both_ways(fake, value, bad):
    cost = value["cost"] | {"training_seconds": bad}
    with pytest.raises(DataError, match=r"cost\.training_seconds is (nan|inf|-inf), expected a finite number"):
        Record.from_json(value | {"cost": cost})
    with pytest.raises(DataError, match=r"cost\.training_seconds"):
        fake.make_record(cost=cost).to_json()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": "0"}, "seed should be an integer, found str"),
        ({"seed": True}, "seed should be an integer, found bool"),
        ({"seed": -1}, "seed should be 0 or more"),
        ({"leaves": {}}, "leaves should be a list, found dict"),
        ({"signal": "luck"}, "headline signal 'luck' is not among its metrics"),
        ({"surprise": 1}, "unknown field 'surprise'"),
        ({"metrics": {"negative_loss": 3}}, "metrics.negative_loss should be an object"),
    ],
)
def test_a_wrong_field_is_named(value, change, message):
    with pytest.raises(DataError, match=message):
        Record.from_json(value | change)


def test_values_that_are_no_json_are_refused_before_writing(fake):
    with pytest.raises(DataError, match=r"environment\.threads is int64, expected a plain JSON value"):
        fake.make_record(environment={"threads": np.int64(2)}).to_json()
    with pytest.raises(DataError, match="has the key 10, expected text"):
        fake.make_record(environment={10: 1}).to_json()


@pytest.mark.parametrize("bad", [[], "text", None])
def test_something_that_is_no_object_is_refused(bad):
    with pytest.raises(DataError, match="expected a JSON object"):
        Record.from_json(bad)


def test_columns_are_found_by_signal_or_reference_and_the_headline_is_the_default(fake):
    record = fake.make_record()
    assert record.signals == ("negative_loss", "accuracy")
    assert record.column() is record.metrics["negative_loss"]
    assert record.column("flops") is record.references["flops"]
    with pytest.raises(DataError, match="no score column 'luck'; at hand: accuracy, negative_loss, flops, live_flops"):
        record.column("luck")


def test_dotted_names_split_at_the_first_dot_only():
    column = {"kendall_tau": 0.5, "precision_at": {"0.05": 0.25}, "intervals": {"precision_at.0.05": [0.1, 0.4]}}
    assert lookup(column, "kendall_tau") == 0.5
    assert lookup(column, "precision_at.0.05") == 0.25
    assert lookup(column | {"spearman": None}, "spearman") is None
    for absent in ("precision_at.0.5", "precision_at", "kendall_tau.10", "regret_at.10"):
        with pytest.raises(DataError, match=f"has no number {absent}; at hand: kendall_tau, precision_at"):
            lookup(column, absent)
    assert lookup_interval(column, "precision_at.0.05") == (0.1, 0.4)
    assert lookup_interval(column, "kendall_tau") is None


def test_the_bias_by_convolutions_is_found_from_the_breakdown() -> None:
    rows = [{"value": 0, "n": 30, "error": -0.1}, {"value": 1, "n": 10, "error": 0.3}]
    column = {"kendall_tau": 0.5, "breakdown": {"rank_error": {"convolutions": rows}}}
    assert lookup(column, "convolution_bias") == pytest.approx(0.03**0.5)
    assert lookup({"kendall_tau": 0.5}, "convolution_bias") is None  # of an earlier version
    for damaged in ({}, {"rank_error": {"convolutions": []}}, {"rank_error": {"convolutions": [{"n": 1}]}}, "none"):
        with pytest.raises(DataError, match="breakdown without rank errors by convolutions"):
            lookup(column | {"breakdown": damaged}, "convolution_bias")
