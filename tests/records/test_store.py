"""The store: a record stands for a whole unit, and damage is named."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.records import ScoreTable, read_record, read_run, read_scores, store, unit_dir, write_record
from nasbench_harness.space import format_architecture


def without_digests(unit):
    """The unit as an earlier version wrote it."""
    path = unit / "record.json"
    value = json.loads(path.read_text())
    del value["digests"]
    path.write_text(json.dumps(value, indent=1) + "\n")


@pytest.fixture
def run_dir(fake, tmp_path):
    for strategy, seed in (("single-edge", 0), ("one-shot", 10), ("one-shot", 2)):
        record = fake.make_record(strategy, seed)
        write_record(tmp_path / "run", record, fake.make_scores(record))
    return tmp_path / "run"


def test_a_unit_is_read_as_written(fake, tmp_path):
    record = fake.make_record("efs-group", 4)
    scores = fake.make_scores(record)
    unit = write_record(tmp_path, record, scores)
    assert unit == tmp_path / "efs-group" / "seed-4"
    assert sorted(path.name for path in unit.iterdir()) == ["record.json", "scores.parquet"]
    assert read_record(tmp_path, "efs-group", 4) == record
    found = read_scores(unit)
    np.testing.assert_array_equal(found.index, scores.index)
    np.testing.assert_array_equal(found.leaf, scores.leaf)
    assert list(found.scores) == list(scores.scores)
    for name, column in scores.scores.items():
        assert found.scores[name].dtype == np.float32
        np.testing.assert_array_equal(found.scores[name], column)


def test_the_parquet_file_has_the_documented_columns(fake, tmp_path):
    import polars as pl

    record = fake.make_record()
    frame = pl.read_parquet(write_record(tmp_path, record, fake.make_scores(record)) / "scores.parquet")
    assert dict(frame.schema) == {
        "index": pl.Int32,
        "arch": pl.String,
        "leaf": pl.Int16,
        "accuracy": pl.Float32,
        "negative_loss": pl.Float32,
    }
    assert frame["arch"][5] == format_architecture(15)


def test_an_unfinished_unit_is_none_and_no_part_of_the_run(run_dir):
    unfinished = unit_dir(run_dir, "one-shot", 7)
    unfinished.mkdir()
    (unfinished / "scores.parquet").write_bytes(b"half")
    assert read_record(run_dir, "one-shot", 7) is None
    assert [(record.strategy, record.seed) for record in read_run(run_dir).records] == [
        ("one-shot", 2),
        ("one-shot", 10),
        ("single-edge", 0),
    ]


def test_a_run_knows_its_strategies(run_dir):
    run = read_run(run_dir)
    assert run.name == "fake"
    assert run.strategies == ("one-shot", "single-edge")
    assert [record.seed for record in run.of("one-shot")] == [2, 10]


@pytest.mark.parametrize("broken_write", ["write_atomically", "write_long_json"])
def test_an_interrupted_rewrite_leaves_no_record(fake, tmp_path, monkeypatch, broken_write):
    record = fake.make_record()
    unit = write_record(tmp_path, record, fake.make_scores(record))

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(store, broken_write, interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_record(tmp_path, record, fake.make_scores(record))
    assert not (unit / "record.json").exists()
    assert read_record(tmp_path, record.strategy, record.seed) is None


def test_nothing_is_touched_when_the_record_is_invalid(fake, tmp_path):
    record = fake.make_record()
    write_record(tmp_path, record, fake.make_scores(record))
    bad = dataclasses.replace(record, cost=record.cost | {"training_seconds": float("nan")})
    with pytest.raises(DataError, match="training_seconds"):
        write_record(tmp_path, bad, fake.make_scores(record))
    assert read_record(tmp_path, record.strategy, record.seed) == record


def test_record_and_scores_must_have_the_same_signals(fake, tmp_path):
    record = fake.make_record()
    scores = fake.make_scores(record)
    partial = dataclasses.replace(scores, scores={"accuracy": scores.scores["accuracy"]})
    with pytest.raises(DataError, match="evaluate every stored signal"):
        write_record(tmp_path, record, partial)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_records_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no finished unit"):
        read_run(tmp_path)
    with pytest.raises(DataError, match="no such run folder"):
        read_run(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda unit: (unit / "record.json").write_bytes(b'{"schema": 1, '), "not valid JSON"),
        (lambda unit: (unit / "record.json").write_bytes(b"\xff\xfe"), "not valid JSON"),
        (lambda unit: (unit / "record.json").write_text("{}"), "expected record schema 2, found None"),
        (lambda unit: (unit / "scores.parquet").unlink(), "scores.parquet: missing beside a record"),
    ],
)
def test_a_damaged_unit_is_named(run_dir, damage, message):
    unit = unit_dir(run_dir, "one-shot", 2)
    damage(unit)
    for read in (lambda: read_run(run_dir), lambda: read_record(run_dir, "one-shot", 2)):
        with pytest.raises(DataError, match=message) as caught:
            read()
        assert str(unit) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_nan_in_a_stored_record_is_refused(run_dir):
    path = unit_dir(run_dir, "one-shot", 2) / "record.json"
    value = json.loads(path.read_text())
    value["metrics"]["accuracy"]["kendall_tau"] = float("nan")
    path.write_text(json.dumps(value))
    with pytest.raises(DataError, match=r"metrics\.accuracy\.kendall_tau is nan"):
        read_run(run_dir)


def test_a_renamed_unit_is_refused(run_dir):
    unit_dir(run_dir, "one-shot", 2).rename(unit_dir(run_dir, "one-shot", 3))
    with pytest.raises(DataError, match="holds one-shot, seed 2"):
        read_run(run_dir)


def test_records_of_two_truths_do_not_make_one_run(fake, run_dir):
    record = fake.make_record("random", 0)
    other = dataclasses.replace(record, truth=record.truth | {"policy": "cifar10_valid_12"})
    write_record(run_dir, other, fake.make_scores(other))
    with pytest.raises(DataError, match=r"truth policy 'cifar10_test_200', random seed 0 has 'cifar10_valid_12'"):
        read_run(run_dir)


@pytest.mark.parametrize("name", ["", "..", "a/b", "../up", ".hidden", "with space", "-dash"])
def test_unsafe_strategy_names_are_refused(tmp_path, name):
    with pytest.raises(UsageError, match="strategy name"):
        unit_dir(tmp_path, name, 0)


def test_negative_seeds_are_refused(tmp_path):
    with pytest.raises(UsageError, match="seed -1"):
        unit_dir(tmp_path, "one-shot", -1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"index": np.array([0, 2, 2], np.int32)}, "once each"),
        ({"index": np.array([2, 1, 0], np.int32)}, "in the order"),
        ({"leaf": np.zeros(2, np.int16)}, "'leaf': expected 3 rows"),
        ({"scores": {}}, "at least one signal"),
        ({"scores": {"accuracy": np.array([1, np.nan, 2], np.float32)}}, "not a finite number at architecture 4"),
        ({"scores": {"arch": np.zeros(3, np.float32)}}, "cannot be called 'arch'"),
    ],
)
def test_a_score_table_checks_itself(change, message):
    good = {"index": np.array([1, 4, 9], np.int32), "leaf": np.zeros(3, np.int16)}
    good["scores"] = {"accuracy": np.zeros(3, np.float32)}
    ScoreTable(**good)
    with pytest.raises(DataError, match=message):
        ScoreTable(**(good | change))


def test_indices_outside_the_space_are_refused():
    table = ScoreTable(np.array([15625], np.int32), np.zeros(1, np.int16), {"accuracy": np.zeros(1, np.float32)})
    with pytest.raises(DataError, match="outside"):
        table.to_parquet()


def test_damaged_scores_are_named(run_dir):
    import polars as pl

    unit = unit_dir(run_dir, "one-shot", 2)
    path = unit / "scores.parquet"
    frame = pl.read_parquet(path)
    without_digests(unit)  # which would notice any change of the file before it is opened
    frame.drop("leaf").write_parquet(path)
    with pytest.raises(DataError, match="the column 'leaf' is missing"):
        read_scores(unit)
    frame.with_columns(pl.col("arch").reverse()).write_parquet(path)
    with pytest.raises(DataError, match="name different architectures"):
        read_scores(unit)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read_scores(unit)
    path.unlink()
    with pytest.raises(DataError, match="no such file"):
        read_scores(unit)


def test_reading_a_run_loads_neither_torch_nor_polars(run_dir):
    program = (
        "import sys; from pathlib import Path; from nasbench_harness.records import read_run; "
        "read_run(Path(sys.argv[1])); print([m for m in ('torch', 'polars', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program, str(run_dir)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
